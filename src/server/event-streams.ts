import type { Authenticated } from './auth/authenticated.ts'

/** The open event streams of all clients. */
export interface EventStreams {
  /** A response that, if it is a stream, starts at once and ends with its caller's credentials. */
  opened(response: Response, stream: { readonly who: Authenticated; readonly kind: Kind; closed?(): void }): Response
  /** Ends every stream whose caller's credentials no longer hold. */
  endStale(): void
  /** Ends the streams of this kind. */
  end(kind: Kind): void
  /** Streams that still carry the answer of a call. */
  readonly calls: number
}

/** `call` ends with its answer; `listen` goes on until the client leaves. */
export type Kind = 'call' | 'listen'

const encoder = new TextEncoder()

interface Open {
  readonly who: Authenticated
  readonly kind: Kind
  end(): void
}

export function openEventStreams(): EventStreams {
  const streams = new Set<Open>()
  return {
    opened(response, { who, kind, closed }) {
      const { body, status, headers } = response
      if (body === null || headers.get('content-type')?.startsWith('text/event-stream') !== true) {
        closed?.()
        return response
      }
      const opened = startedAtOnce(body, (end) => {
        const stream = { who, kind, end }
        streams.add(stream)
        return () => {
          if (streams.delete(stream)) closed?.()
        }
      })
      return new Response(opened, { status, headers })
    },
    endStale() {
      for (const { who, end } of streams) if (!who.stillValid()) end()
    },
    end(kind) {
      for (const stream of streams) if (stream.kind === kind) stream.end()
    },
    get calls() {
      return [...streams].filter(({ kind }) => kind === 'call').length
    },
  }
}

/**
 * The same bytes behind a comment: Bun holds back the headers of a quiet stream until its first chunk.
 * @param enter is given what ends the stream, and returns what to call when it has ended
 */
function startedAtOnce(body: ReadableStream<Uint8Array>, enter: (end: () => void) => () => void) {
  const reader = body.getReader()
  let leave = (): void => undefined
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(': ok\n\n'))
      leave = enter(() => {
        leave()
        reader.cancel().then(
          () => undefined,
          () => undefined,
        )
      })
    },
    async pull(controller) {
      const { done, value } = await reader.read()
      if (!done) return controller.enqueue(value)
      leave()
      controller.close()
    },
    async cancel(reason) {
      leave()
      await reader.cancel(reason)
    },
  })
}

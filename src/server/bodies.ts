import { DEFAULT_MAX_REQUEST_BODY_SIZE, readRequestBody } from '@modelcontextprotocol/server'
import type { Clock } from '../lib/clock.ts'
import { parseJson } from '../lib/json.ts'
import { rpcError } from './json-rpc.ts'

/** Reads the bodies of requests. */
export interface Bodies {
  /** The one JSON-RPC message of a request, or the answer that refuses it. Batches are refused in all revisions. */
  read(request: Request): Promise<{ readonly json: unknown } | Response>
  /** Gives up on bodies that do not come. */
  endLate(): void
}

const withinMs = 30_000

export function openBodies(clock: Clock): Bodies {
  const pending = new Set<{ readonly sinceMs: number; end(): void }>()
  return {
    async read(request) {
      let end = (): void => undefined
      const late = new Promise<undefined>((resolve) => {
        end = () => resolve(undefined)
      })
      const body = { sinceMs: clock.elapsedMs(), end }
      pending.add(body)
      const read = await Promise.race([textOf(request), late]).finally(() => pending.delete(body))
      if (read === undefined) return rpcError(408, -32000, `the body did not arrive within ${withinMs / 1000} s`)
      if (read.tooLarge)
        return rpcError(413, -32000, `a message may have ${DEFAULT_MAX_REQUEST_BODY_SIZE / 1024 / 1024} MiB at most`)
      const json = parseJson(read.text)
      if (json === undefined) return rpcError(400, -32700, 'the body is not JSON')
      if (Array.isArray(json)) return rpcError(400, -32600, 'batches are not served: send one message a request')
      return { json }
    },
    endLate() {
      const before = clock.elapsedMs() - withinMs
      for (const { sinceMs, end } of pending) if (sinceMs <= before) end()
    },
  }
}

/** A body of known length is read as a whole, which costs a tenth of reading it in pieces; the server holds it to its length. */
async function textOf(request: Request): ReturnType<typeof readRequestBody> {
  const length = Number(request.headers.get('content-length') ?? Number.NaN)
  if (length <= DEFAULT_MAX_REQUEST_BODY_SIZE) return { tooLarge: false, text: await request.text() }
  return readRequestBody(request)
}

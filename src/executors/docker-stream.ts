import type { CappedText } from '../lib/read-capped.ts'

/** What a container wrote, its two streams apart. */
export interface Streams {
  readonly output: CappedText
  readonly errorOutput: CappedText
}

/** Keeps the first bytes of a stream. */
interface Sink {
  take(chunk: Uint8Array): void
  readonly isFull: boolean
  text(): CappedText
}

/** A plain body; reading ends at the limit. */
export async function plainBody(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<CappedText> {
  const sink = sinkOf(maxBytes)
  for await (const chunk of body) {
    sink.take(chunk)
    if (sink.isFull) break
  }
  return sink.text()
}

/**
 * Frames of the engine's log streams: stream number, three zeros, big-endian length, content. A container with a terminal
 * has one stream and no frames; what is not a frame counts as output.
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
 */
export async function streamsOf(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Streams> {
  const [out, err] = [sinkOf(maxBytes), sinkOf(maxBytes)]
  let pending: Uint8Array = new Uint8Array()
  let sink = out
  /** Bytes of the current frame that are still to come; endless for a stream without frames. */
  let left = 0
  for await (const chunk of body) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    while (pending.length > 0) {
      if (left === 0) {
        if (pending.length < 8 && couldBeFrame(pending)) break
        const isFrame = couldBeFrame(pending)
        sink = isFrame && pending[0] === 2 ? err : out
        left = isFrame ? lengthOf(pending) : Number.POSITIVE_INFINITY
        if (isFrame) pending = pending.subarray(8)
      }
      const part = pending.subarray(0, left)
      sink.take(part)
      left -= part.length
      pending = pending.subarray(part.length)
    }
    if (out.isFull && err.isFull) break
    if (left === Number.POSITIVE_INFINITY && out.isFull) break
  }
  return { output: out.text(), errorOutput: err.text() }
}

const couldBeFrame = (bytes: Uint8Array): boolean =>
  (bytes[0] ?? 0) <= 2 && [1, 2, 3].every((index) => (bytes[index] ?? 0) === 0)

const lengthOf = (header: Uint8Array): number =>
  new DataView(header.buffer, header.byteOffset, header.byteLength).getUint32(4)

function sinkOf(maxBytes: number): Sink {
  const kept: Uint8Array[] = []
  let left = maxBytes
  let truncated = false
  return {
    take(chunk) {
      truncated ||= chunk.length > left
      if (left > 0) kept.push(chunk.subarray(0, left))
      left -= Math.min(left, chunk.length)
    },
    get isFull() {
      return truncated
    },
    // A character that was cut in the middle is left out.
    text: () => ({ text: new TextDecoder().decode(Buffer.concat(kept), { stream: truncated }), truncated }),
  }
}

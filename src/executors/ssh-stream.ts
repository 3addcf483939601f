import type { CappedText } from '../lib/read-capped.ts'

/** One stream of a remote program: what comes before its mark belongs to the login shell. */
export interface MarkedStream {
  take(chunk: Uint8Array): void
  /** The rest of the line of the mark, as soon as it has been seen. */
  readonly mark: string | undefined
  text(): CappedText
  /** What was said before the mark. */
  readonly noise: string
  /** Bytes that came and were not kept. */
  readonly droppedBytes: number
}

const maxNoiseBytes = 65_536

/** Keeps the first bytes after `\x1eNONCE`; the rest is drained and dropped. */
export function markedStream(nonce: string, maxBytes: number): MarkedStream {
  const kept: Uint8Array[] = []
  let before = Buffer.alloc(0)
  let mark: string | undefined
  let left = maxBytes
  let truncated = false
  let droppedBytes = 0
  const keep = (chunk: Uint8Array): void => {
    truncated ||= chunk.length > left
    if (left > 0) kept.push(chunk.subarray(0, left))
    droppedBytes += Math.max(0, chunk.length - left)
    left -= Math.min(left, chunk.length)
  }
  return {
    take(chunk) {
      if (mark !== undefined) return keep(chunk)
      droppedBytes += Math.max(0, before.length - maxNoiseBytes)
      before = Buffer.concat([before.subarray(-maxNoiseBytes), chunk])
      const begin = before.indexOf(`\x1e${nonce}`)
      const end = begin < 0 ? -1 : before.indexOf('\n', begin)
      if (end < 0) return
      mark = before.toString('utf8', begin + 1 + nonce.length, end)
      keep(before.subarray(end + 1))
    },
    get mark() {
      return mark
    },
    get noise() {
      return before.toString('utf8')
    },
    get droppedBytes() {
      return droppedBytes
    },
    // A character that was cut in the middle is left out.
    text: () => ({ text: new TextDecoder().decode(Buffer.concat(kept), { stream: truncated }), truncated }),
  }
}

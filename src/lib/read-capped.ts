/** Text read from a stream, and whether more was there. */
export interface CappedText {
  readonly text: string
  readonly truncated: boolean
}

/** Reads a byte stream as UTF-8, keeping at most `maxBytes`; the rest is drained and dropped. */
export async function readCapped(
  stream: AsyncIterable<Uint8Array> | readonly Uint8Array[],
  maxBytes: number,
): Promise<CappedText> {
  const chunks: Uint8Array[] = []
  let left = maxBytes
  let truncated = false
  for await (const chunk of stream) {
    const kept = chunk.subarray(0, left)
    if (kept.length > 0) chunks.push(kept)
    left -= kept.length
    truncated ||= kept.length < chunk.length
  }
  return { text: Buffer.concat(chunks).toString('utf8'), truncated }
}

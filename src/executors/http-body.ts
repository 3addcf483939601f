import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { Request } from '../core/operation.ts'
import type { CappedText } from '../lib/read-capped.ts'

/** The body as text after a line of ours. Reading ends at the limit: what is endless or enormous is not waited for. */
export async function bodyOf(
  response: IncomingMessage,
  { method, lead, maxBytes }: { readonly method: Request['method']; readonly lead: string; readonly maxBytes: number },
): Promise<CappedText> {
  const kept: Uint8Array[] = []
  let left = maxBytes
  let truncated = false
  const take = (chunk: Uint8Array): void => {
    kept.push(chunk.subarray(0, left))
    truncated = chunk.length > left
    left -= Math.min(left, chunk.length)
  }
  take(Buffer.from(lead))
  for await (const chunk of plain(response, method)) {
    if (truncated) break
    take(chunk)
    if (truncated) break
  }
  // A character that was cut in the middle is left out.
  const text = new TextDecoder().decode(Buffer.concat(kept), { stream: truncated })
  return { text, truncated }
}

/** We ask for plain bodies; some services compress all the same. What has no body has nothing to unpack. */
function plain(response: IncomingMessage, method: Request['method']): Readable {
  const { statusCode, headers } = response
  if (method === 'HEAD' || statusCode === 204 || statusCode === 304 || headers['content-length'] === '0')
    return response
  const decoder = decoderOf(headers['content-encoding'])
  if (decoder === undefined) return response
  response.on('error', (error) => decoder.destroy(error))
  return response.pipe(decoder)
}

function decoderOf(encoding: string | undefined) {
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip()
  if (encoding === 'deflate') return createInflate()
  return encoding === 'br' ? createBrotliDecompress() : undefined
}

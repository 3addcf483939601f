/** The byte at which the character of this byte begins (RFC 3629: continuation bytes are 10xxxxxx). */
export function characterStart(bytes: Uint8Array, at: number): number {
  let start = Math.min(at, bytes.length)
  while (start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--
  return start
}

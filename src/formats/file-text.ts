/** Text of a part of a file, and where it goes on. */
export interface FileText {
  readonly text: string
  /** Where in the file the text ends. */
  readonly end: number
}

/** Bytes as UTF-8, cut before a character that the end of the bytes splits, unless the file ends there too. */
export function fileText(bytes: Uint8Array, { offset, size }: { offset: number; size: number }): FileText {
  const isAll = offset + bytes.length >= size
  const length = isAll ? bytes.length : wholeCharacters(bytes)
  return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, length)), end: offset + length }
}

/** How many bytes are left without the beginning of a character at the end. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length - 1); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return bytes.length
    if (byte >= 0xc0) return back < sequenceLength(byte) ? bytes.length - back : bytes.length
  }
  return bytes.length
}

const sequenceLength = (lead: number): number => (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2)

/** The last lines of a text, and how many of its characters stand before them; a line that begins before the text is left out if there is another. */
export function lastLines(text: string, { lines, isCut }: { lines: number; isCut: boolean }): string {
  const ended = text.endsWith('\n') ? text.slice(0, -1) : text
  const all = ended.split('\n')
  const whole = isCut && all.length > 1 ? all.slice(1) : all
  return whole.slice(-lines).join('\n')
}

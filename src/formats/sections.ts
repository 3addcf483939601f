const mark = '\x1e'

/**
 * Splits what a script of ours printed into its named parts: each begins with a line of byte 0x1e and its name
 * (`printf '\036name\n'`). A name seen twice keeps the first, so that hostile text cannot replace what stands before it.
 */
export function parseSections(output: string): ReadonlyMap<string, string> {
  const sections = new Map<string, string>()
  for (const part of `\n${output}`.split(`\n${mark}`).slice(1)) {
    const end = part.indexOf('\n')
    const name = end === -1 ? part : part.slice(0, end)
    if (!sections.has(name)) sections.set(name, end === -1 ? '' : part.slice(end + 1))
  }
  return sections
}

/** The lines of a text that have something in them. */
export const linesOf = (text = ''): readonly string[] => text.split('\n').filter((line) => line.trim() !== '')

/** Lines of `grep -H '' FILES`, joined again by file: `/proc/12/comm` → its content. The names cannot be forged by the content. */
export function parseFiles(text = ''): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    if (colon === -1) continue
    const path = line.slice(0, colon)
    const before = files.get(path)
    const content = line.slice(colon + 1)
    files.set(path, before === undefined ? content : `${before}\n${content}`)
  }
  return files
}

/** Text for one cell of an answer: control characters become blanks, ends are trimmed. */
export const plain = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim()

/** A whole number of digits only, or undefined. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,20}$/.test(text.trim())) return undefined
  return Number(text)
}

/** Rounded to so many decimals. */
export function rounded(value: number, decimals = 0): number {
  const factor = 10 ** decimals
  return Math.round(value * factor) / factor
}

const context = 3
const mostCharacters = 1000
/** Beyond so many pairs of lines the differing part is shown as one block, which is right but longer. */
const mostPairs = 1_000_000

interface Line {
  readonly mark: ' ' | '-' | '+'
  readonly text: string
  /** Numbers from 1: the next line of the old and of the new text when this one is shown. */
  readonly old: number
  readonly new: number
}

/** A unified diff, cut after `mostLines` lines and in long ones, with a word about the rest; empty for equal texts. */
export function unifiedDiff(texts: { readonly before: string; readonly after: string }, mostLines: number): string {
  const lines = compared(linesOf(texts.before), linesOf(texts.after))
  const shown = hunksOf(lines).flatMap(hunkText).map(shortened)
  const rest = shown.length - mostLines
  return [...shown.slice(0, mostLines), ...(rest > 0 ? [`… ${rest} more lines of the diff`] : [])].join('\n')
}

const shortened = (line: string): string =>
  line.length > mostCharacters
    ? `${line.slice(0, mostCharacters)}… ${line.length - mostCharacters} more characters`
    : line

const noEnd = '\n\\ No newline at end of file'

/** Lines of a text; a last one without newline carries the mark that diff gives it, so that it differs from one with. */
function linesOf(text: string): readonly string[] {
  if (text === '') return []
  const lines = text.split('\n')
  const last = lines.pop()
  return last === '' || last === undefined ? lines : [...lines, `${last}${noEnd}`]
}

/** All lines of both texts in order: kept, removed, added. */
function compared(before: readonly string[], after: readonly string[]): readonly Line[] {
  const head = commonHead(before, after)
  const tail = commonHead(before.slice(head).toReversed(), after.slice(head).toReversed())
  const marks = [
    ...Array.from({ length: head }, () => ' ' as const),
    ...marksOf(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...Array.from({ length: tail }, () => ' ' as const),
  ]
  let [old, fresh] = [0, 0]
  return marks.map((mark) => {
    const line = { mark, text: (mark === '+' ? after[fresh] : before[old]) ?? '', old: old + 1, new: fresh + 1 }
    if (mark !== '+') old++
    if (mark !== '-') fresh++
    return line
  })
}

function commonHead(a: readonly string[], b: readonly string[]): number {
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at++
  return at
}

/** The shortest script by the longest common subsequence of lines. */
function marksOf(before: readonly string[], after: readonly string[]): readonly Line['mark'][] {
  const width = after.length + 1
  const asBlock = [...before.map(() => '-' as const), ...after.map(() => '+' as const)]
  if ((before.length + 1) * width > mostPairs) return asBlock
  const common = new Uint32Array((before.length + 1) * width)
  const at = (i: number, j: number) => common[i * width + j] ?? 0
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--)
      common[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  }
  const marks: Line['mark'][] = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    const kept = i < before.length && j < after.length && before[i] === after[j]
    const mark = kept ? ' ' : j >= after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1)) ? '-' : '+'
    marks.push(mark)
    if (mark !== '+') i++
    if (mark !== '-') j++
  }
  return marks
}

/** Runs of changes with the lines around them. */
function hunksOf(lines: readonly Line[]): readonly (readonly Line[])[] {
  const changed = lines.flatMap(({ mark }, index) => (mark === ' ' ? [] : [index]))
  const ranges: { from: number; to: number }[] = []
  for (const index of changed) {
    const last = ranges.at(-1)
    if (last !== undefined && index - context <= last.to) last.to = index + context + 1
    else ranges.push({ from: Math.max(0, index - context), to: index + context + 1 })
  }
  return ranges.map(({ from, to }) => lines.slice(from, to))
}

function hunkText(hunk: readonly Line[]): readonly string[] {
  const count = (mark: '+' | '-') => hunk.filter((line) => line.mark === ' ' || line.mark === mark).length
  const range = (start: number, length: number) => `${length === 0 ? start - 1 : start},${length}`
  const [first] = hunk
  const header = `@@ -${range(first?.old ?? 1, count('-'))} +${range(first?.new ?? 1, count('+'))} @@`
  return [header, ...hunk.flatMap(({ mark, text }) => `${mark}${text}`.split('\n'))]
}

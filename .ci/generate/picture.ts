/** One line of a session: what a person says, what the assistant calls, what is answered, what a person types in a shell. */
export interface Line {
  readonly who: 'person' | 'call' | 'answer' | 'shell'
  readonly text: string
}

const columns = 108
const left = 16
const top = 18
const lineHeight = 19
const marks = { person: 'you ', call: '  → ', answer: '    ', shell: 'you $ ' } as const

/** An SVG of the lines, for light and dark pages. It has its own background, so that no page makes it unreadable. */
export function terminalPicture(lines: readonly Line[]): string {
  const rows: string[] = []
  let y = top
  for (const [at, { who, text }] of lines.entries()) {
    y += lineHeight + (at > 0 && startsPart(who, lines[at - 1]?.who) ? 7 : 0)
    const shown = `${marks[who]}${text}`
    const line = shown.length > columns ? `${shown.slice(0, columns - 1)}…` : shown
    rows.push(`<text class="${who}" x="${left}" y="${y}">${escaped(line)}</text>`)
  }
  const [width, height] = [Math.ceil(columns * 7.25) + 2 * left, y + top]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="t">
<title id="t">An assistant asks TailOps what is wrong, and restarts a container once a person has approved it</title>
<style>
.page { fill: #f6f8fa; stroke: #d0d7de }
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #57606a }
.person { fill: #1f2328; font-weight: bold }
.call { fill: #0550ae }
.shell { fill: #116329 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; stroke: #30363d }
text { fill: #9198a1 }
.person { fill: #f0f6fc }
.call { fill: #79c0ff }
.shell { fill: #7ee787 }
}
</style>
<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${rows.join('\n')}
</svg>
`
}

const startsPart = (who: Line['who'], before: Line['who'] | undefined): boolean =>
  who === 'person' || who === 'shell' || (who === 'call' && before === 'answer')

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('  ', '\u00a0\u00a0')

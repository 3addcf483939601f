/** One assignment of an environment file, or why its line is none. */
export type EnvLine =
  | { readonly line: number; readonly name: string; readonly value: string }
  | { readonly line: number; readonly wrong: string }

const assignment = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*/

/** Reads the environment files of shells, Docker and systemd: `export`, quotes, comments, values of several lines in quotes. */
export function readEnvText(text: string): readonly EnvLine[] {
  const found: EnvLine[] = []
  const lines = text
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n')
    .split('\n')
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1
    const raw = lines[at] ?? ''
    if (/^\s*([#;]|$)/.test(raw)) continue
    const [start, name] = assignment.exec(raw) ?? []
    if (start === undefined || name === undefined) {
      found.push({ line, wrong: 'is no NAME=value' })
      continue
    }
    let rest = raw.slice(start.length)
    const quote = /^["']/.exec(rest)?.[0]
    if (quote !== undefined) {
      while (closing(rest, quote) === undefined && at + 1 < lines.length) rest += `\n${lines[++at]}`
      const end = closing(rest, quote)
      found.push(
        end === undefined ? { line, wrong: 'has a quote that never ends' } : quoted({ line, name, text: rest, end }),
      )
    } else found.push({ line, name, value: rest.replace(/\s+#.*$/, '').trim() })
    if (found.length > most) break
  }
  return found
}

const most = 5000

/** Where the value in quotes ends. */
function closing(text: string, quote: string): number | undefined {
  for (let at = 1; at < text.length; at++) {
    if (text[at] === '\\' && quote === '"') at++
    else if (text[at] === quote) return at
  }
  return undefined
}

function quoted({ line, name, text, end }: { line: number; name: string; text: string; end: number }): EnvLine {
  const inside = text.slice(1, end)
  return { line, name, value: text.startsWith('"') ? inside.replace(/\\(["\\$`])/g, '$1') : inside }
}

/** One line of an environment file that shells and systemd read alike. */
export function envLine(name: string, value: string): string {
  if (/^[\w.,:/@%+=-]*$/.test(value)) return `${name}=${value}`
  return `${name}="${value.replace(/["\\$`]/g, '\\$&')}"`
}

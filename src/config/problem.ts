/** One thing wrong with the configuration, where it stands, and the next step. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** Counted from 1; 0 where the problem is in no line, as with an environment variable. */
  readonly line: number
  readonly column: number
  readonly what: string
  readonly hint: string
}

/** Where something stands in a file, counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Keys and indexes from the top of the file: `['targets', 'web', 'constraints', 'timeout']`. */
export type Path = readonly (string | number)[]

/** A problem that knows its path but not yet its line. */
export interface Finding {
  readonly severity: 'error' | 'warning'
  readonly path: Path
  /** The position of the key rather than of its value. */
  readonly atKey?: boolean | undefined
  /** The key does nothing: what is wrong below it does not matter. */
  readonly ignored?: boolean | undefined
  readonly what: string
  readonly hint: string
}

/** `targets.yaml:7:15: what — hint`. */
export const problemLine = ({ file, line, column, what, hint }: Problem): string =>
  `${place(file, line, column)}: ${what} — ${hint}`

/** `targets.yaml:7:15: error: what — hint`. */
export const severityLine = ({ file, line, column, severity, what, hint }: Problem): string =>
  `${place(file, line, column)}: ${severity}: ${what} — ${hint}`

const place = (file: string, line: number, column: number): string => (line === 0 ? file : `${file}:${line}:${column}`)

/** `targets.web.file_roots[0]`; keys that are no plain words are quoted. */
export function pathText(path: Path): string {
  if (path.length === 0) return 'the file'
  const parts = path.map((part, index) => {
    if (typeof part === 'number') return `[${part}]`
    const text = /^[\w:/.-]{1,80}$/.test(part) ? part : quoted(part)
    return index === 0 ? text : `.${text}`
  })
  return parts.join('')
}

/** A value from the file as it may be shown: one line, printable, short. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  const printable = text.replace(/[\p{C}\u2028\u2029]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)
  return printable.length > 60 ? `${printable.slice(0, 57)}…` : printable
}

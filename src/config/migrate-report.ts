import { type Path, pathText } from './problem.ts'

/** What became of one value of the old installation. */
export type Outcome = 'taken' | 'changed' | 'dropped'

/** One line of the report. No row ever holds a secret. */
export interface Row {
  readonly file: string
  /** Where it stood: `targets.web-1.connection.host`, or the name of a variable. */
  readonly from: string
  readonly outcome: Outcome
  /** What it is now, and why; what to do where something is to be done. */
  readonly why?: string | undefined
}

/** Collects the rows about one old file. */
export interface Report {
  readonly rows: Row[]
  add(outcome: Outcome, from: Path | string, why?: string): void
  /** Whether anything was said of this place, of one above it or of one below it. */
  mentions(path: Path): boolean
}

export function openReport(file: string, rows: Row[] = []): Report {
  const said: Path[] = []
  return {
    rows,
    add(outcome, from, why) {
      if (typeof from !== 'string') said.push(from)
      rows.push({ file, from: typeof from === 'string' ? from : pathText(from), outcome, why })
    },
    mentions: (path) =>
      said.some((other) => {
        const common = Math.min(other.length, path.length)
        return other.slice(0, common).every((part, index) => String(part) === String(path[index]))
      }),
  }
}

const order: readonly Outcome[] = ['changed', 'dropped', 'taken']

/** The rows as text: what was changed or dropped first, because somebody has to read it. */
export function reportText(rows: readonly Row[]): string {
  const lines = order.flatMap((outcome) =>
    rows
      .filter((row) => row.outcome === outcome)
      .map(({ file, from, why }) => `${outcome.padEnd(7)}  ${file}: ${from}${why === undefined ? '' : ` — ${why}`}`),
  )
  return lines.map((line) => `${line}\n`).join('')
}

import { checkTargets } from './check.ts'
import { valueAt } from './explain.ts'
import type { Report } from './migrate-report.ts'
import { type Fields, isFields } from './migrate-values.ts'
import { type Finding, type Path, pathText } from './problem.ts'
import { substitute } from './substitute.ts'

type Env = Readonly<Record<string, string | undefined>>

/** What a targets.yaml that is being made is checked with. */
export interface Checked {
  readonly file: string
  readonly env: Env
  /** The report of the file that a place came from. */
  reportOf(path: Path): Report
}

const mostRounds = 50

/** Takes out of a made targets.yaml whatever our own check refuses or ignores; each piece is reported. */
export function prune(made: Fields, { file, env, reportOf }: Checked): Fields {
  const value = structuredClone(made)
  for (let round = 0; round < mostRounds; round++) {
    const findings = unwanted(value, file, env)
    if (findings.length === 0) return value
    // From the end of each list on, so that the indices before stay true.
    for (const { path, what, hint } of findings.toSorted((a, b) => comparePaths(b.path, a.path))) {
      const place = placeToCut(value, path)
      if (place === undefined) continue
      reportOf(place).add('dropped', place, reason(what, hint, place))
      cut(value, place)
    }
  }
  return { version: '1.0', targets: {} }
}

/** The row says already where it stood, and that it was removed. */
function reason(what: string, hint: string, place: Path): string {
  const rest = what.startsWith(`${pathText(place)} `) ? what.slice(pathText(place).length + 1) : what
  return `${rest}: ${hint.replace(/^remove it; /, '')}`
}

function unwanted(value: Fields, file: string, env: Env): readonly Finding[] {
  const asWritten = checkTargets({ file, home: undefined, value, substituted: () => true }).findings
  const useless = asWritten.filter(({ ignored, what }) => ignored === true || what.startsWith('unknown key'))
  if (useless.length > 0) return once(useless)
  const replaced = new Set<string>()
  const wrong: Finding[] = []
  const readFile = (path: string) => `content of ${path}`
  const filled = resolved(value, [], (text, path) => {
    const { text: now, changed, findings } = substitute(text, path, { env, readFile })
    if (changed) replaced.add(JSON.stringify(path))
    wrong.push(...findings)
    return now
  })
  if (wrong.length > 0) return once(wrong)
  const substituted = (path: Path) => replaced.has(JSON.stringify(path))
  const { findings } = checkTargets({ file, home: undefined, value: filled, substituted })
  return once(findings.filter(({ severity }) => severity === 'error'))
}

const once = (findings: readonly Finding[]): readonly Finding[] => [
  ...new Map(findings.map((finding) => [JSON.stringify(finding.path), finding])).values(),
]

function resolved(value: unknown, path: Path, fill: (text: string, path: Path) => string): unknown {
  if (typeof value === 'string') return fill(value, path)
  if (Array.isArray(value)) return value.map((item, index) => resolved(item, [...path, index], fill))
  if (!isFields(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, resolved(below, [...path, key], fill)]))
}

const comparePaths = (a: Path, b: Path): number => {
  for (const [index, part] of a.entries()) {
    const other = b[index]
    if (other === undefined) return 1
    if (part !== other)
      return typeof part === 'number' && typeof other === 'number'
        ? part - other
        : String(part) < String(other)
          ? -1
          : 1
  }
  return a.length - b.length
}

/** A limit is never cut out of what it limits: the whole goes. A target without a sound executor goes too. */
function placeToCut(value: Fields, path: Path): Path | undefined {
  const [top, , section, key] = path
  if (path.length === 0) return undefined
  if (top === 'targets' && (path.length === 2 || section === 'executor')) return existing(value, path.slice(0, 2))
  if (section === 'endpoints') return existing(value, path.slice(0, 4))
  if (section === 'discovery') return existing(value, path.slice(0, 3))
  if (section === 'constraints' && key === 'commands') return existing(value, path.slice(0, 5))
  return existing(value, path)
}

/** What is missing cannot be cut; what misses it can. */
function existing(value: Fields, path: Path): Path | undefined {
  if (path.length === 0) return undefined
  return valueAt(value, path) === undefined ? existing(value, path.slice(0, -1)) : path
}

function cut(value: Fields, path: Path): void {
  const parent = valueAt(value, path.slice(0, -1))
  const key = path.at(-1)
  if (key === undefined || typeof parent !== 'object' || parent === null) return
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else if (key === 'registries') Reflect.set(parent, key, [])
  else if (key === 'discovery' && path.length === 3) Reflect.set(parent, key, { enabled: false })
  else Reflect.deleteProperty(parent, key)
}

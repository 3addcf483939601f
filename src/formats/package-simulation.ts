import { isPackageName, isPackageVersion } from './package-name.ts'
import { linesOf, parseSections, plain, wholeNumber } from './sections.ts'

/** One package that a simulation would change. */
export interface PackageChange {
  readonly name: string
  /** Empty when it is not installed yet. */
  readonly from: string
  /** Empty when it would be removed. */
  readonly to: string
  readonly security: boolean
}

/** What a package manager would do. */
export interface Simulation {
  readonly manager: string
  /** Sorted by name. */
  readonly changes: readonly PackageChange[]
  /** Packages that stay behind, e.g. on hold. */
  readonly keptBack: number
  /** What it would take to go back to an older version, or change in spite of a hold. */
  readonly downgraded: readonly string[]
  readonly held: readonly string[]
  /** Asked for, and current already. */
  readonly current: readonly string[]
  /** Seconds since 1970; undefined when there is no index. */
  readonly indexAt: number | undefined
}

/** Why there is no simulation. */
export type NoSimulation =
  | { readonly failed: 'manager'; readonly manager: string }
  | { readonly failed: 'interrupted'; readonly said: string }
  | { readonly failed: 'refused'; readonly said: string; readonly missing: readonly string[] }

/** Reads what `read/package-simulation` printed; undefined when a change in it cannot be read. */
export function parseSimulation(output: string): Simulation | NoSimulation | undefined {
  const sections = parseSections(output)
  const manager = sections.get('manager')?.trim()
  if (manager === undefined) return undefined
  if (manager !== 'apt-get') return { failed: 'manager', manager }
  const interrupted = sections.get('interrupted')?.trim() ?? ''
  if (interrupted !== '') return { failed: 'interrupted', said: unfinished(interrupted) }
  const [code, ...said] = (sections.get('end') ?? '').split('\n')
  if (!/^\d+$/.test(code ?? '')) return undefined
  const list = sections.get('list') ?? ''
  if (code !== '0') return { failed: 'refused', said: refusal(said, list), missing: missing(said) }
  return simulated(list, sections.get('index'))
}

function simulated(list: string, index: string | undefined): Simulation | undefined {
  const lines = linesOf(list)
  const changes: PackageChange[] = []
  for (const line of lines.filter((text) => /^(Inst|Remv|Purg)\b/.test(text))) {
    const change = changeOf(line)
    if (change === undefined) return undefined
    changes.push(change)
  }
  const stamps = linesOf(index).flatMap((line) => wholeNumber(line) ?? [])
  return {
    manager: 'apt',
    changes: changes.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name))),
    keptBack: Number(/ and (\d+) not upgraded/.exec(list)?.[1] ?? '0'),
    downgraded: namesBelow(lines, 'The following packages will be DOWNGRADED:'),
    held: namesBelow(lines, 'The following held packages will be changed:'),
    current: lines.flatMap((line) => /^(\S+) is already the newest version /.exec(line)?.[1] ?? []),
    indexAt: stamps.length === 0 ? undefined : Math.max(...stamps),
  }
}

/** `Inst bash [5.2.15-2] (5.2.15-3 Debian:12.15/oldstable [amd64]) []`, `Remv nano [7.2-1]` */
function changeOf(line: string): PackageChange | undefined {
  const [, verb, name = '', from = '', offered = '', origin = ''] =
    /^(Inst|Remv|Purg) (\S+)(?: \[([^\]\s]+)\])?(?: \((\S+) ?([^)]*)\))?/.exec(line) ?? []
  const to = verb === 'Inst' ? offered : ''
  if (!isPackageName(name) || !isPackageVersion(verb === 'Inst' ? to : from)) return undefined
  if (from !== '' && !isPackageVersion(from)) return undefined
  return { name, from, to, security: /(^|[ ,/])(Debian-Security:|\S*-security(?=[ ,]|$))/i.test(origin) }
}

/** The names that stand, with two blanks before them, below a headline. */
function namesBelow(lines: readonly string[], headline: string): readonly string[] {
  const at = lines.indexOf(headline)
  if (at === -1) return []
  const rest = lines.slice(at + 1)
  const end = rest.findIndex((line) => !line.startsWith('  '))
  return rest
    .slice(0, end === -1 ? rest.length : end)
    .join(' ')
    .split(/\s+/)
    .filter(isPackageName)
}

function refusal(said: readonly string[], list: string): string {
  const errors = said.filter((line) => line.startsWith('E: ')).map((line) => line.slice(3))
  const depends = linesOf(list).filter((line) => /^ \S.*: (Depends|Breaks|Conflicts|PreDepends): /.test(line))
  return plain([...errors, ...depends.map(plain)].join('; ')).slice(0, 400)
}

const missing = (said: readonly string[]): readonly string[] =>
  said.flatMap((line) => {
    const found =
      /^E: (?:Unable to locate package (\S+)|Package '([^']+)' has no|Version '([^']+)' for '([^']+)')/.exec(line)
    if (found === null) return []
    const [, absent, obsolete, version, name] = found
    return plain(absent ?? obsolete ?? `${name}=${version}`)
  })

/** The names in what `dpkg --audit` lists. */
function unfinished(text: string): string {
  const names = linesOf(text).flatMap((line) => /^ (\S+)\s/.exec(line)?.[1] ?? [])
  return plain([...new Set(names)].slice(0, 10).join(', '))
}

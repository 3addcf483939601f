import type { NoSimulation, PackageChange, Simulation } from './package-change.ts'
import { isPackageName, isPackageVersion } from './package-name.ts'
import { byName, endOf, indexAt } from './package-sections.ts'
import { linesOf, plain } from './sections.ts'

/** Reads a simulation of apt-get; undefined when a change in it cannot be read. */
export function aptSimulation(sections: ReadonlyMap<string, string>): Simulation | NoSimulation | undefined {
  const interrupted = sections.get('interrupted')?.trim() ?? ''
  if (interrupted !== '') return { failed: 'interrupted', said: unfinished(interrupted) }
  const end = endOf(sections)
  if (end === undefined) return undefined
  const list = sections.get('list') ?? ''
  if (end.code !== 0)
    return { failed: 'refused', manager: 'apt', said: refusal(end.said, list), missing: missing(end.said) }
  return simulated(list, sections)
}

function simulated(list: string, sections: ReadonlyMap<string, string>): Simulation | undefined {
  const lines = linesOf(list)
  const changes: PackageChange[] = []
  for (const line of lines.filter((text) => /^(Inst|Remv|Purg)\b/.test(text))) {
    const change = changeOf(line)
    if (change === undefined) return undefined
    changes.push(change)
  }
  return {
    manager: 'apt',
    changes: byName(changes),
    keptBack: Number(/ and (\d+) not upgraded/.exec(list)?.[1] ?? '0'),
    downgraded: namesBelow(lines, 'The following packages will be DOWNGRADED:'),
    held: namesBelow(lines, 'The following held packages will be changed:'),
    current: lines.flatMap((line) => /^(\S+) is already the newest version /.exec(line)?.[1] ?? []),
    tellsSecurity: true,
    indexAt: indexAt(sections),
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

import type { NoSimulation, PackageChange, Simulation } from './package-change.ts'
import { isPackageName, isPackageVersion } from './package-name.ts'
import { byName, endOf, indexAt, installedVersions } from './package-sections.ts'
import { linesOf, plain } from './sections.ts'
import { parsers } from './updates-managers.ts'

/** Reads `pacman -Sp --print-format '%n %v'`, with what is installed, outdated (-Qu) and, of an upgrade, replaced (-Si). */
export function pacmanSimulation(sections: ReadonlyMap<string, string>): Simulation | NoSimulation | undefined {
  const end = endOf(sections)
  if (end === undefined) return undefined
  if (end.code !== 0) return refusal(end.said)
  const installed = installedVersions(sections)
  const changes: PackageChange[] = []
  for (const line of linesOf(sections.get('list')).filter((text) => !/^(::|warning:)/.test(text))) {
    const [name = '', to = ''] = line.split(' ')
    if (!isPackageName(name) || !isPackageVersion(to)) return undefined
    changes.push({ name, from: installed.get(name) ?? '', to, security: false })
  }
  const pending = parsers.get('pacman')?.parse(new Map([['list', sections.get('outdated') ?? '']]))
  const newer = new Set((pending?.rows ?? []).map((row) => `${row.package} ${row.new}`))
  const names = new Set(changes.map(({ name }) => name))
  return {
    manager: 'pacman',
    changes: byName([...changes, ...replaced(sections.get('details') ?? '', installed)]),
    keptBack: (pending?.rows ?? []).filter((row) => !names.has(row.package)).length + (pending?.keptBack ?? 0),
    downgraded: changes.flatMap(({ name, from, to }) => (from === '' || newer.has(`${name} ${to}`) ? [] : [name])),
    held: [],
    current: [],
    installed: [...installed.keys()],
    tellsSecurity: false,
    indexAt: indexAt(sections),
  }
}

/** pacman -Su removes what a new package replaces, and does not print it: `Replaces        : old  older<2`. */
function replaced(details: string, installed: ReadonlyMap<string, string>): readonly PackageChange[] {
  const names = [...details.matchAll(/^Replaces +: (.*(?:\n {4,}.*)*)/gm)].flatMap(([, list = '']) => list.split(/\s+/))
  return [...new Set(names.map((name) => name.replace(/[<>=].*/, '')))].flatMap((name) => {
    const from = installed.get(name)
    return from === undefined ? [] : [{ name, from, to: '', security: false }]
  })
}

function refusal(said: readonly string[]): NoSimulation {
  const lines = said
    .filter((line) => /^(error: |:: )/.test(line))
    .map((line) => plain(line.replace(/^(error:|::) /, '')))
  const missing = lines.flatMap((line) => /^target not found: (\S+)/.exec(line)?.[1] ?? [])
  return { failed: 'refused', manager: 'pacman', said: lines.join('; ').slice(0, 400), missing }
}

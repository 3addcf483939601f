import type { NoSimulation, PackageChange, Simulation } from './package-change.ts'
import { isPackageName, isPackageVersion } from './package-name.ts'
import { byName, endOf, indexAt, installedVersions } from './package-sections.ts'
import { linesOf, plain } from './sections.ts'

/** Reads `apk --simulate`: a numbered line a package. Written from memory of apk-tools 2.x, never run. */
export function apkSimulation(sections: ReadonlyMap<string, string>): Simulation | NoSimulation | undefined {
  const end = endOf(sections)
  if (end === undefined) return undefined
  const lines = linesOf(sections.get('list'))
  if (end.code !== 0) return refusal([...lines, ...end.said])
  const found: (readonly [string, PackageChange])[] = []
  for (const line of lines.filter((text) => /^\(\d+\/\d+\)/.test(text))) {
    const change = changeOf(line)
    if (change === undefined) return undefined
    found.push(change)
  }
  return {
    manager: 'apk',
    changes: byName(found.flatMap(([verb, change]) => (verb === 'Reinstalling' ? [] : [change]))),
    keptBack: 0,
    downgraded: found.flatMap(([verb, change]) => (verb === 'Downgrading' ? [change.name] : [])),
    held: [],
    current: [],
    installed: [...installedVersions(sections).keys()],
    tellsSecurity: false,
    indexAt: indexAt(sections),
  }
}

/** `(1/3) Upgrading busybox (1.36.1-r15 -> 1.36.1-r19)`, `(2/3) Installing libfoo (1.0-r0)`, `(3/3) Purging bar (1.0-r0)` */
function changeOf(line: string): readonly [string, PackageChange] | undefined {
  const [, verb = '', name = '', first = '', second] =
    /^\(\d+\/\d+\) (Installing|Upgrading|Downgrading|Reinstalling|Replacing|Purging) (\S+) \((\S+)(?: -> (\S+))?\)/.exec(
      line,
    ) ?? []
  if (!isPackageName(name) || !isPackageVersion(first) || (second !== undefined && !isPackageVersion(second)))
    return undefined
  if (verb === 'Purging') return [verb, { name, from: first, to: '', security: false }]
  if (verb === 'Installing') return [verb, { name, from: '', to: first, security: false }]
  return [verb, { name, from: first, to: second ?? first, security: false }]
}

function refusal(lines: readonly string[]): NoSimulation {
  const missing = lines.flatMap((line) => /^\s+(\S+) \(no such package\):/.exec(line)?.[1] ?? [])
  const said = plain(
    lines
      .filter((line) => !/^(fetch |OK)/.test(line))
      .join('; ')
      .replace(/\s+/g, ' '),
  )
  return { failed: 'refused', manager: 'apk', said: said.slice(0, 400), missing: missing.map(plain) }
}

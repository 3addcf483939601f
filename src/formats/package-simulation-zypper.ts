import type { NoSimulation, PackageChange, Simulation } from './package-change.ts'
import { isPackageName, isPackageVersion } from './package-name.ts'
import { byName, endOf, indexAt, installedVersions } from './package-sections.ts'
import { plain } from './sections.ts'

/** Reads `zypper --xmlout … --dry-run`: to-install as recorded with 1.14.42; the other groups from memory. */
export function zypperSimulation(sections: ReadonlyMap<string, string>): Simulation | NoSimulation | undefined {
  const end = endOf(sections)
  if (end === undefined) return undefined
  const list = sections.get('list') ?? ''
  const summary = /<install-summary\b[^>]*>(.*?)<\/install-summary>/s.exec(list)?.[1]
  if (end.code !== 0 || summary === undefined) return refusal(`${list}\n${end.said.join('\n')}`)
  const found = rowsOf(summary, installedVersions(sections))
  if (found === undefined) return undefined
  const inGroup = (name: RegExp) => found.filter(({ group }) => name.test(group))
  return {
    manager: 'zypper',
    changes: byName(found.flatMap(({ group, change }) => (/not-|^to-reinstall$/.test(group) ? [] : [change]))),
    keptBack: inGroup(/not-/).length,
    downgraded: inGroup(/^to-downgrade/).map(({ change }) => change.name),
    held: [],
    current: [],
    installed: [...installedVersions(sections).keys()].map((name) => name.replace(/\.[^.]+$/, '')),
    tellsSecurity: false,
    indexAt: indexAt(sections),
  }
}

interface Row {
  readonly group: string
  readonly change: PackageChange
}

/** `<to-install><solvable type="package" name="app" edition="1:2-1" arch="noarch" …>`; undefined when one cannot be read. */
function rowsOf(summary: string, installed: ReadonlyMap<string, string>): readonly Row[] | undefined {
  const rows: Row[] = []
  for (const [, group = '', body = ''] of summary.matchAll(/<([a-z_-]+)>(.*?)<\/\1>/gs))
    for (const [tag] of body.matchAll(/<solvable\b[^>]*>/g)) {
      const field = (name: string) => new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? ''
      if (field('type') !== 'package') continue
      const [name, arch, edition] = [field('name'), field('arch'), field('edition')]
      if (!isPackageName(name) || !isPackageVersion(edition) || !/^\w+$/.test(arch)) return undefined
      const isRemoved = group.startsWith('to-remove')
      const from = isRemoved ? edition : field('edition-old') || (installed.get(`${name}.${arch}`) ?? '')
      rows.push({ group, change: { name, arch, from, to: isRemoved ? '' : edition, security: false } })
    }
  return rows
}

function refusal(text: string): NoSimulation {
  const unescaped = text
    .replace(/&apos;|&quot;/g, "'")
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
  const errors = [...unescaped.matchAll(/<message type="error">(.*?)<\/message>|<description>(.*?)<\/description>/gs)]
  const said = errors.map(([, message, problem]) => plain(message ?? problem ?? '').replace(/ Solution 1:.*/, ''))
  const missing = [...unescaped.matchAll(/No provider of '([^']+)' found/g)].flatMap(
    ([, name]) => plain(name ?? '') || [],
  )
  return { failed: 'refused', manager: 'zypper', said: said.join('; ').slice(0, 400) + lock(unescaped), missing }
}

/** A lock of an administrator is only named in the solutions. */
const lock = (text: string): string => (/Solution \d: remove lock to allow/.test(text) ? ' (it is locked)' : '')

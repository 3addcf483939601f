import type { NoSimulation, PackageChange, Simulation } from './package-change.ts'
import { isPackageName, isPackageVersion } from './package-name.ts'
import { byName, endOf, indexAt, installedVersions } from './package-sections.ts'
import { linesOf, plain } from './sections.ts'
import { securityOf } from './updates-managers.ts'

type Kind = 'set' | 'along' | 'removed' | 'downgraded' | 'skipped'

/** The headlines of the transaction table: dnf 4.14 as recorded; the others, and dnf 5, from memory. */
const kinds: readonly (readonly [RegExp, Kind])[] = [
  [/^(Installing|Upgrading|Reinstalling|Installing group\/module packages):$/, 'set'],
  [/^Installing (weak )?dependencies:$/, 'along'],
  [/^Removing( dependent packages| unused dependencies)?:$/, 'removed'],
  [/^Downgrading:$/, 'downgraded'],
  [/^Skipping packages with .*:$/, 'skipped'],
]

/** Reads the table of `dnf --assumeno`, which ends with 1 when there is something to do. */
export function dnfSimulation(sections: ReadonlyMap<string, string>): Simulation | NoSimulation | undefined {
  const end = endOf(sections)
  if (end === undefined) return undefined
  const list = sections.get('list') ?? ''
  const text = [list, ...end.said].join('\n')
  const hasTable = /^Transaction Summary/m.test(list)
  if (!hasTable && !/^Nothing to do\./m.test(text)) return refusal(text)
  const found = hasTable ? tableOf(list, sections) : []
  if (found === undefined) return undefined
  return {
    manager: 'dnf',
    changes: byName(found.flatMap(({ kind, change }) => (kind === 'skipped' ? [] : [change]))),
    keptBack: found.filter(({ kind }) => kind === 'skipped').length,
    downgraded: found.flatMap(({ kind, change }) => (kind === 'downgraded' ? [change.name] : [])),
    held: [],
    current: [],
    installed: [...installedVersions(sections).keys()].map((name) => name.replace(/\.[^.]+$/, '')),
    tellsSecurity: securityOf(sections) !== undefined,
    indexAt: indexAt(sections),
  }
}

interface Row {
  readonly kind: Kind
  readonly change: PackageChange
}

/** Undefined when a row of it cannot be read. */
function tableOf(list: string, sections: ReadonlyMap<string, string>): readonly Row[] | undefined {
  const installed = installedVersions(sections)
  const security = securityOf(sections)
  const rows: Row[] = []
  let kind: Kind | undefined
  const [, body = ''] = list.split(/^Dependencies resolved\.\n|^Package +Arch/m)
  for (const line of unwrapped((body.split(/^Transaction Summary/m)[0] ?? '').split('\n'))) {
    if (/^(=+$| ?Package\s+Arch|\s*$)/.test(line)) continue
    if (!line.startsWith(' ')) {
      kind = kinds.find(([headline]) => headline.test(line))?.[1]
      if (kind === undefined && line.endsWith(':')) return undefined
      continue
    }
    const change = changeOf(line, kind)
    if (change === undefined || kind === undefined) return undefined
    const full = `${change.name}.${change.arch}`
    const [from, flag] = [installed.get(full) ?? '', security?.has(full) ?? false]
    const isRemoved = kind === 'removed' || change.to === ''
    const filled = isRemoved ? change : { ...change, from, security: flag }
    // dnf 5 names what an upgrade replaces, its own older version too.
    if (change.to === '' && kind !== 'removed' && rows.at(-1)?.change.name === change.name) continue
    rows.push({ kind, change: filled })
  }
  return rows
}

/** ` app  noarch  1:2-1  local  6.0 k`, or what it replaces: `     replacing  old.noarch 1-1` (dnf 5: `old noarch 1-1 …`) */
function changeOf(line: string, kind: Kind | undefined): PackageChange | undefined {
  const words = line.trim().split(/\s+/)
  const replaced = words[0] === 'replacing'
  const dotted = replaced && /\.[^.]+$/.test(words[1] ?? '') && words.length === 3
  const cut = words[1]?.lastIndexOf('.') ?? -1
  const [name = '', arch = '', version = ''] = dotted
    ? [words[1]?.slice(0, cut), words[1]?.slice(cut + 1), words[2]]
    : words.slice(replaced ? 1 : 0)
  if (!isPackageName(name) || !isPackageVersion(version) || !/^\w+$/.test(arch)) return undefined
  if (replaced || kind === 'removed') return { name, arch, from: version, to: '', security: false }
  return { name, arch, from: '', to: version, security: false, dependency: kind === 'along' }
}

/** A long name stands alone in its line, and the rest of its row in the next. */
function unwrapped(lines: readonly string[]): readonly string[] {
  const whole: string[] = []
  for (const line of lines) {
    const before = whole.at(-1) ?? ''
    if (/^ \S+$/.test(before) && /^\s{2,}\S/.test(line)) whole.splice(-1, 1, `${before} ${line.trim()}`)
    else whole.push(line)
  }
  return whole
}

function refusal(text: string): NoSimulation {
  const lines = linesOf(text)
  const said = plain(
    lines
      .filter((line) => !/^(Last metadata|Dependencies resolved|Operation aborted)/.test(line))
      .map(plain)
      .join('; '),
  )
  const missing = lines.flatMap((line) => /^No match for argument: (\S+)/.exec(line)?.[1] ?? [])
  return { failed: 'refused', manager: 'dnf', said: said.slice(0, 400), missing: missing.map(plain) }
}

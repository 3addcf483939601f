/** One package that a simulation of the package manager would change. */
export interface PackageChange {
  readonly name: string
  /** Empty when it is not installed yet. */
  readonly old: string
  /** Empty when it would be removed. */
  readonly new: string
}

/** What a package name may be: it begins with a letter or digit, so it is never an option. */
export const packageName = /^[A-Za-z0-9][A-Za-z0-9+._:-]{0,127}$/

const packageVersion = /^[A-Za-z0-9][A-Za-z0-9+.:~_-]{0,127}$/

/** Reads what `apt-get -s` printed, sorted by name; undefined when a line of a change cannot be read. */
export function parseAptPlan(output: string): readonly PackageChange[] | undefined {
  const changes: PackageChange[] = []
  for (const line of output.split('\n')) {
    if (!/^(?:Inst|Remv|Purg)\b/.test(line)) continue
    const change = aptChange(line)
    if (change === undefined) return undefined
    changes.push(change)
  }
  return changes.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))
}

/** `Inst bash [5.2.15-2] (5.2.15-3 Debian:12.15/oldstable [amd64])`, `Remv nano [7.2-1]` */
function aptChange(line: string): PackageChange | undefined {
  const [, verb, name = '', old = '', offered = ''] =
    /^(Inst|Remv|Purg) (\S+)(?: \[([^\]\s]+)\])?(?: \((\S+) [^)]*\))?/.exec(line) ?? []
  const version = verb === 'Inst' ? offered : old
  if (!packageName.test(name) || !packageVersion.test(version)) return undefined
  return { name, old, new: verb === 'Inst' ? offered : '' }
}

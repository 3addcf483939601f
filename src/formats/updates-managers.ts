import { linesOf, plain } from './sections.ts'

/** One package that can be brought up to date. */
export interface PackageUpdate {
  readonly package: string
  /** Empty for a package that comes new. */
  readonly installed: string
  readonly new: string
  /** Undefined where the manager does not tell. */
  readonly security?: boolean | undefined
}

/** What one manager says. */
export interface Pending {
  readonly rows: readonly PackageUpdate[]
  readonly securityCount?: number | undefined
  readonly keptBack?: number | undefined
  readonly notMeasured?: readonly string[]
}

interface Parser {
  /** Whether this exit code of the list, with this on stderr, is no failure. */
  endsWell(code: number, said: string): boolean
  parse(sections: ReadonlyMap<string, string>): Pending
}

/** By the program that prints the list. */
export const parsers: ReadonlyMap<string, Parser> = new Map([
  ['apt-get', { endsWell: (code) => code === 0, parse: apt }],
  ['dnf', { endsWell: (code) => code === 0 || code === 100, parse: dnf }],
  ['apk', { endsWell: (code) => code === 0, parse: apk }],
  // 1 without a word: nothing to list.
  ['pacman', { endsWell: (code, said) => code === 0 || (code === 1 && !said.includes('error')), parse: pacman }],
  ['zypper', { endsWell: (code) => code === 0, parse: zypper }],
])

/** `Inst openssl [3.0.15-1] (3.0.17-1 Debian:12/oldstable, Debian-Security:12/oldstable-security [amd64]) []` (apt-get -s) */
function apt(sections: ReadonlyMap<string, string>): Pending {
  const list = sections.get('list')
  const rows = linesOf(list).flatMap((line): PackageUpdate[] => {
    const [, name, installed = '', version, origin = ''] =
      /^Inst (\S+)(?: \[([^\]]*)\])? \((\S+) ?([^)]*?)(?: \[[^\]]*\])?\)/.exec(line) ?? []
    if (name === undefined || version === undefined) return []
    const security = /(^|[ ,/])(Debian-Security:|\S*-security(?=[ ,]|$))/i.test(origin)
    return [{ package: plain(name), installed: plain(installed), new: plain(version), security }]
  })
  const kept = Number(/ and (\d+) not upgraded/.exec(list ?? '')?.[1] ?? '0')
  return { rows, securityCount: count(rows), keptBack: kept === 0 ? undefined : kept }
}

const count = (rows: readonly PackageUpdate[]): number => rows.filter(({ security }) => security === true).length

const arches = 'noarch|x86_64|i[3-6]86|aarch64|armv\\w+|ppc64le|s390x|riscv64'

/**
 * `bash.x86_64  5.2.26-3.fc40  updates`: three words a package, which dnf 4 wraps when they are long. What obsoletes others
 * comes after a headline and repeats them.
 */
function dnf(sections: ReadonlyMap<string, string>): Pending {
  const security = securityOf(sections)
  const installed = new Map<string, string>()
  for (const line of linesOf(sections.get('installed'))) {
    const [name = '', version = ''] = line.split(' ')
    installed.set(name, plain(version)) // of several kernels the last one counts
  }
  const [list = ''] = (sections.get('list') ?? '').split(/^Obsoleting /m)
  const words = linesOf(list)
    .filter((line) => !/^(Security:|Last metadata )/.test(line))
    .flatMap((line) => line.trim().split(/\s+/))
  const isName = new RegExp(`^[\\w.+-]+\\.(${arches})$`)
  const rows = words.flatMap((word, index): PackageUpdate[] => {
    const version = words[index + 1]
    if (!isName.test(word) || version === undefined || !/^(\d+:)?[^\s-]+-[^\s-]+$/.test(version)) return []
    const row = { package: plain(word), installed: installed.get(word) ?? '', new: plain(version) }
    return [security === undefined ? row : { ...row, security: security.has(word) }]
  })
  if (security === undefined) return { rows, notMeasured: ['which updates are for security'] }
  return { rows, securityCount: count(rows) }
}

/** The last column of dnf 4 (`FEDORA-2024-1 Important/Sec. bash-5.2.26-3.fc40.x86_64`), one before the last of dnf 5. */
export function securityOf(sections: ReadonlyMap<string, string>): ReadonlySet<string> | undefined {
  if (!sections.get('security_end')?.startsWith('0 ')) return undefined
  const full = new RegExp(`(?:^|\\s)(\\S+)-[^\\s-]+-[^\\s-]+\\.(${arches})(?=\\s|$)`, 'gm')
  return new Set(
    [...(sections.get('security') ?? '').matchAll(full)].map(([, name = '', arch = '']) => `${name}.${arch}`),
  )
}

/** `busybox-1.36.1-r15   < 1.36.1-r19` (apk version -l '<'), below a line of headings */
function apk(sections: ReadonlyMap<string, string>): Pending {
  const rows = linesOf(sections.get('list')).flatMap((line): PackageUpdate[] => {
    const [, name, installed = '', version] = /^(\S+?)-(\d[^\s-]*-r\d+)\s+<\s+(\S+)/.exec(line) ?? []
    return name === undefined || version === undefined ? [] : [{ package: plain(name), installed, new: plain(version) }]
  })
  return { rows, notMeasured: ['which updates are for security (apk does not tell)'] }
}

/** `linux 6.6.1.arch1-1 -> 6.6.2.arch1-1`, with ` [ignored]` for what an upgrade leaves out (pacman -Qu) */
function pacman(sections: ReadonlyMap<string, string>): Pending {
  const found = linesOf(sections.get('list')).flatMap((line) => {
    const [, name, installed = '', version, ignored] = /^(\S+) (\S+) -> (\S+)( \[.+\])?$/.exec(line) ?? []
    if (name === undefined || version === undefined) return []
    return [{ row: { package: plain(name), installed: plain(installed), new: plain(version) }, ignored }]
  })
  const kept = found.filter(({ ignored }) => ignored !== undefined).length
  return {
    rows: found.flatMap(({ row, ignored }) => (ignored === undefined ? [row] : [])),
    keptBack: kept === 0 ? undefined : kept,
    notMeasured: ['which updates are for security (pacman does not tell)'],
  }
}

/** Tables with `|` between the columns and their names in the first line; security comes as patches, not packages. */
function zypper(sections: ReadonlyMap<string, string>): Pending {
  const rows = tableOf(sections.get('list')).flatMap((row): PackageUpdate[] => {
    const [name, version] = [row.get('Name'), row.get('Available Version')]
    if (name === undefined || version === undefined) return []
    return [{ package: name, installed: row.get('Current Version') ?? '', new: version }]
  })
  if (!sections.get('security_end')?.startsWith('0 ')) return { rows, notMeasured: ['security patches'] }
  const patches = tableOf(sections.get('security')).filter((row) => row.get('Category') === 'security')
  const notMeasured =
    patches.length === 0 ? [] : ['which packages the security patches touch (security_count counts patches)']
  return { rows, securityCount: patches.length, notMeasured }
}

function tableOf(text: string | undefined): readonly ReadonlyMap<string, string>[] {
  const lines = linesOf(text).filter((line) => line.includes('|'))
  const cells = (line: string) => line.split('|').map(plain)
  const [names = []] = lines.slice(0, 1).map(cells)
  return lines.slice(1).map((line) => new Map(cells(line).map((cell, index) => [names[index] ?? '', cell])))
}

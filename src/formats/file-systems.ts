import { linesOf, plain, rounded } from './sections.ts'

/** One mounted file system that holds data. */
export interface FileSystem {
  readonly mount: string
  readonly fs: string
  readonly used_gib: number
  readonly total_gib: number
  readonly used_percent: number
}

/** What `df` said, and what could not be read of it. */
export interface FileSystems {
  readonly rows: readonly FileSystem[]
  readonly missing?: string | undefined
}

const kibPerGib = 1024 * 1024
const mostRows = 50

/** Kernel interfaces, memory, and read-only images that are always full. An overlay is real as the root of a container only. */
const pseudo =
  /^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devfs|devpts|devtmpfs|efivarfs|erofs|fuse\.(gvfsd-fuse|lxcfs|portal|snapfuse)|fusectl|hugetlbfs|mqueue|nsfs|overlay|proc|pstore|ramfs|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs)$/

/**
 * Rows of `df -P -k -T` (GNU and BusyBox), believed only where `/proc/self/mounts` knows the mount point and its type.
 * A line that does not parse ends the table: a line break in a mount point could have forged what follows.
 */
export function parseFileSystems(df: string | undefined, mounts: string | undefined): FileSystems {
  const lines = linesOf(df).slice(1)
  if (lines.length === 0) return { rows: [], missing: 'file systems (df did not answer)' }
  const known = knownMounts(mounts)
  const bySource = new Map<string, FileSystem>()
  for (const [index, line] of lines.entries()) {
    const entry = parseLine(line)
    if (entry === undefined) return { rows: [...bySource.values()], missing: `${lines.length - index} lines of df` }
    const { source, row } = entry
    if (known.size > 0 && !known.has(`${row.fs} ${row.mount}`)) continue
    if (row.mount !== '/' && (pseudo.test(row.fs) || row.total_gib === 0)) continue
    const before = bySource.get(source)
    if (before === undefined || row.mount.length < before.mount.length) bySource.set(source, row)
  }
  const rows = [...bySource.values()]
  if (rows.length <= mostRows) return { rows }
  return { rows: rows.slice(0, mostRows), missing: `${rows.length - mostRows} more file systems` }
}

function parseLine(line: string): { readonly source: string; readonly row: FileSystem } | undefined {
  const found = /^(\S.*?) +(\S+) +(\d+) +(\d+) +(-?\d+) +(\d+%|-) +(\/.*)$/.exec(line)
  if (found === null) return undefined
  const [, source = '', fs = '', total, used, available, , mount = ''] = found
  const usable = Number(used) + Math.max(0, Number(available))
  const row = {
    mount: plain(mount),
    fs: plain(fs),
    used_gib: rounded(Number(used) / kibPerGib, 2),
    total_gib: rounded(Number(total) / kibPerGib, 2),
    used_percent: usable === 0 ? 0 : rounded((100 * Number(used)) / usable),
  }
  return { source, row }
}

/** `zfs /tank`: type and mount point of each line of /proc/self/mounts, written as df writes them. */
function knownMounts(mounts: string | undefined): ReadonlySet<string> {
  return new Set(
    linesOf(mounts).map((line) => {
      const [, mount = '', fs = ''] = line.split(' ')
      const decoded = mount.replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      )
      return `${fs} ${decoded.replace(/[\x00-\x1f\x7f]/g, '?')}`
    }),
  )
}

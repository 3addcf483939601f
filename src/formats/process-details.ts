import { maskedCommand } from './mask-secrets.ts'
import { linesOf, parseFiles, parseSections, plain } from './sections.ts'

/** What is asked only of the processes that are shown. */
export interface ProcessDetails {
  readonly user: string
  /** The command line without secrets, cut; empty for a thread of the kernel or a process that has ended. */
  readonly command: string
  /** `nginx.service`, `docker:3f2a…`, `lxc:101`; empty when it belongs to none. */
  readonly unit: string
}

const longestCommand = 80

/** Reads what `read/process-details` printed, by process id. */
export function parseProcessDetails(output: string): ReadonlyMap<number, ProcessDetails> {
  const sections = parseSections(output)
  const users = new Map(
    linesOf(sections.get('users')).map((line) => {
      const colon = line.lastIndexOf(':')
      return [line.slice(colon + 1), plain(line.slice(0, colon))] as const
    }),
  )
  const owners = parseFiles(sections.get('owners'))
  const groups = parseFiles(sections.get('cgroups'))
  const commands = parseFiles(sections.get('commands'))
  return new Map(
    [...commands].flatMap(([pid, line]) => {
      if (!/^\d{1,10}$/.test(pid)) return []
      const uid = /^Uid:\s+\d+\s+(\d+)/.exec(owners.get(`/proc/${pid}/status`) ?? '')?.[1] ?? ''
      const unit = unitOf(groups.get(`/proc/${pid}/cgroup`) ?? '')
      return [[Number(pid), { user: users.get(uid) ?? uid, command: commandOf(line), unit }] as const]
    }),
  )
}

/** Arguments end with 0x1f, as the script puts it. */
function commandOf(line: string): string {
  const args = line.split('\x1f').map(plain)
  while (args.at(-1) === '') args.pop()
  return maskedCommand(args, longestCommand)
}

const containers: readonly (readonly [RegExp, string])[] = [
  [/\/docker[-/]([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?:\/|$)/, 'docker'],
  [/\/libpod-([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?:\/|$)/, 'podman'],
  [/\/(?:cri-containerd-|crio-)?([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?:\/|$)/, 'container'],
  [/\/lxc(?:\.payload\.|\/)([\w-]{1,64})(?:\/|$)/, 'lxc'],
  [/\/qemu\.slice\/(\d+)\.scope(?:\/|$)/, 'qemu'],
]

/** The container, and the unit in it, that a /proc/PID/cgroup names; the unified hierarchy counts first. */
export function unitOf(cgroup: string): string {
  const paths = linesOf(cgroup).flatMap((line) => {
    const found = /^(\d+):([^:]*):(.*)$/.exec(line)
    return found === null ? [] : [{ controllers: found[2] ?? '', path: found[3] ?? '' }]
  })
  const order = (controllers: string) => (controllers === '' ? 0 : controllers === 'name=systemd' ? 1 : 2)
  const sorted = paths.toSorted((a, b) => order(a.controllers) - order(b.controllers)).map(({ path }) => path)
  return sorted.map(unitInPath).find((unit) => unit !== '') ?? ''
}

function unitInPath(path: string): string {
  const found = containers.flatMap(([pattern, kind]) => {
    const id = pattern.exec(path)?.[1]
    return id === undefined ? [] : [`${kind}:${id}`]
  })[0]
  if (found?.startsWith('lxc:') === false) return found
  const parts = path.split('/')
  const unit = parts.findLast((part) => part.endsWith('.service')) ?? parts.findLast((part) => part.endsWith('.scope'))
  return [found, unit === undefined ? undefined : plain(unit).slice(0, 80)]
    .filter((part) => part !== undefined)
    .join('/')
}

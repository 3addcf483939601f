import type { Fact, Resource } from './fleet.ts'
import { since } from './triage-words.ts'

/** One line of a table; columns that say nothing in any row are left out by who prints it. */
export type FleetRow = Readonly<Record<string, string | number | undefined>>

/** How much is told of each resource: the fewer there are, the more. */
export type Depth = 'short' | 'long'

/** When a source was last seen: rows that are older say so. */
export interface TableOptions {
  readonly depth: Depth
  readonly now: Date
  readonly seenAt: Date | undefined
}

/** `{ node: 'alder', cpu_pct: 4, mem_pct: 38, disk_pct: 21, ip: '192.0.2.11' }`; the address only in depth. */
export function nodeRow({ facts, use, ...rest }: Resource, options: TableOptions): FleetRow {
  return {
    node: text(facts['name']),
    status: unless('online', facts['status']),
    ...percents(use),
    disk_pct: whole(use['disk_pct']),
    ...(options.depth === 'long' && {
      ip: text(facts['ip']),
      cpus: number(facts['cpus']),
      memory_mib: number(facts['memory_mib']),
      up: spanOf(use['uptime_s']),
    }),
    seen: olderThanSource(rest, options),
  }
}

/** `{ vmid: 101, name: 'proxy', node: 'alder', cpu_pct: 1, mem_pct: 31, ip: '192.0.2.101' }` */
export function guestRow({ id, facts, use, ...rest }: Resource, options: TableOptions): FleetRow {
  const addresses = listOf(facts['addresses'])
  const isLong = options.depth === 'long'
  return {
    vmid: Number(id.split('/')[1]),
    name: text(facts['name']),
    node: text(facts['node']),
    status: unless('running', facts['status']),
    ...percents(use),
    ip: isLong ? addresses.join(' ') : facts['status'] === 'running' ? addresses[0] : '',
    ...(isLong && {
      tags: listOf(facts['tags']).join(' '),
      pool: text(facts['pool']),
      cpus: number(facts['cpus']),
      memory_mib: number(facts['memory_mib']),
      disk_gib: use['disk_gib'],
      up: spanOf(use['uptime_s']),
    }),
    note: oddities(facts),
    seen: olderThanSource(rest, options),
  }
}

/** `{ storage: 'nas', used_pct: 94, size_gib: 8000 }`; one that is not shared names its node. */
export function storageRow({ facts, use, ...rest }: Resource, options: TableOptions): FleetRow {
  return {
    storage: text(facts['name']),
    node: text(facts['node']),
    status: unless('available', facts['status']),
    used_pct: whole(use['used_pct']),
    size_gib: use['size_gib'],
    ...(options.depth === 'long' && { type: text(facts['type']), content: listOf(facts['content']).join(' ') }),
    seen: olderThanSource(rest, options),
  }
}

/** `{ host: 'web-1', cpu_pct: 3, mem_pct: 40, disk_pct: 62 }` */
export function hostRow({ facts, use, source, ...rest }: Resource, options: TableOptions): FleetRow {
  return {
    host: source,
    status: unless('up', facts['status']),
    ...percents(use),
    disk_pct: whole(use['disk_pct']),
    ip: text(facts['ip']),
    seen: olderThanSource(rest, options),
  }
}

/** `{ on: 'dock', name: 'web', image: 'nginx:1.29' }` */
export function containerRow({ id, source, facts, use, ...rest }: Resource, options: TableOptions): FleetRow {
  return {
    on: source,
    name: text(facts['name']) ?? id.split('/').at(-1),
    status: unless('running', facts['status']),
    ...percents(use),
    image: text(facts['image']),
    note: facts['health'] === 'unhealthy' ? 'unhealthy' : '',
    seen: olderThanSource(rest, options),
  }
}

/** What is out of the ordinary about a guest: a lock, a silent agent, trouble of high availability. */
export function oddities({ lock, agent, ha }: Resource['facts']): string {
  const odd = [
    lock === undefined ? '' : `lock=${String(lock)}`,
    agent === 'not running' ? 'agent silent' : '',
    ha === 'error' || ha === 'fence' ? `ha=${ha}` : '',
  ]
  return odd.filter((one) => one !== '').join(' ')
}

const percents = (use: Resource['use']) => ({ cpu_pct: whole(use['cpu_pct']), mem_pct: whole(use['mem_pct']) })

const whole = (value: number | undefined): number | undefined => (value === undefined ? undefined : Math.round(value))

const text = (fact: Fact | undefined): string | undefined => (typeof fact === 'string' ? fact : undefined)

const number = (fact: Fact | undefined): number | undefined => (typeof fact === 'number' ? fact : undefined)

const listOf = (fact: Fact | undefined): readonly string[] =>
  typeof fact === 'object' ? fact : fact === undefined ? [] : [String(fact)]

const unless = (usual: string, fact: Fact | undefined): string => (fact === usual ? '' : String(fact ?? 'unknown'))

const spanOf = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : since(0, new Date(seconds * 1000))

const olderThanSource = ({ seenAt }: Pick<Resource, 'seenAt'>, options: TableOptions): string =>
  options.seenAt === undefined || seenAt >= options.seenAt ? '' : `${since(seenAt, options.now)} ago`

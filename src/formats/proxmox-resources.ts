import { z } from 'zod'

/** Rows of `GET /cluster/resources` (Proxmox VE 7 to 9), as far as we use them. Types that are not known are passed over. */

const flag = z.union([z.number(), z.string(), z.boolean()]).transform((value) => Number(value) === 1)
const text = z.string()
const number = z.coerce.number()

const guestRow = z.object({
  type: z.enum(['lxc', 'qemu']),
  vmid: number,
  node: text,
  status: text.optional(),
  name: text.optional(),
  template: flag.optional(),
  tags: text.optional(),
  pool: text.optional(),
  lock: text.optional(),
  hastate: text.optional(),
  cpu: number.nullish(),
  maxcpu: number.optional(),
  mem: number.nullish(),
  maxmem: number.optional(),
  disk: number.nullish(),
  maxdisk: number.optional(),
  uptime: number.optional(),
})

const nodeRow = z.object({
  type: z.literal('node'),
  node: text,
  status: text.optional(),
  cpu: number.nullish(),
  maxcpu: number.optional(),
  mem: number.nullish(),
  maxmem: number.optional(),
  disk: number.nullish(),
  maxdisk: number.optional(),
  uptime: number.optional(),
})

const storageRow = z.object({
  type: z.literal('storage'),
  storage: text,
  node: text,
  status: text.optional(),
  shared: flag.optional(),
  content: text.optional(),
  plugintype: text.optional(),
  disk: number.nullish(),
  maxdisk: number.optional(),
})

const otherRow = z.object({ type: text.optional() })

/** `data` of the reply. */
export const resourcesReply = z.array(
  z.union([guestRow, nodeRow, storageRow, otherRow.transform(() => ({ type: 'other' as const }))]),
)

/** A container or VM. What a dead node leaves of it has neither name nor numbers: they are left out, not zero. */
export interface GuestRow {
  readonly vmid: number
  readonly kind: 'lxc' | 'qemu'
  readonly node: string
  /** `unknown` when its node is gone. */
  readonly status: string
  readonly name?: string | undefined
  readonly template?: boolean | undefined
  readonly tags: readonly string[]
  readonly pool?: string | undefined
  readonly lock?: string | undefined
  readonly ha?: string | undefined
  readonly cpus?: number | undefined
  readonly memoryMib?: number | undefined
  readonly diskGib?: number | undefined
  readonly cpuPct?: number | undefined
  readonly memMib?: number | undefined
  readonly memPct?: number | undefined
  readonly uptimeS?: number | undefined
}

export interface NodeRow {
  readonly node: string
  /** `online`, `offline`, `unknown`. */
  readonly status: string
  readonly cpus?: number | undefined
  readonly memoryMib?: number | undefined
  readonly cpuPct?: number | undefined
  readonly memPct?: number | undefined
  /** Of the root file system. */
  readonly diskPct?: number | undefined
  readonly uptimeS?: number | undefined
}

/** A storage as one node sees it; a shared one is there once for each node. */
export interface StorageRow {
  readonly storage: string
  readonly node: string
  readonly status: string
  readonly shared: boolean
  readonly type?: string | undefined
  readonly content: readonly string[]
  readonly sizeGib?: number | undefined
  readonly usedPct?: number | undefined
}

export interface ClusterResources {
  readonly guests: readonly GuestRow[]
  readonly nodes: readonly NodeRow[]
  readonly storages: readonly StorageRow[]
}

/** The rows in our words, sorted. */
export function clusterResources(rows: z.output<typeof resourcesReply>): ClusterResources {
  return {
    guests: rows.flatMap((row) => (row.type === 'lxc' || row.type === 'qemu' ? [guestOf(row)] : [])).toSorted(byVmid),
    nodes: rows.flatMap((row) => (row.type === 'node' ? [nodeOf(row)] : [])).toSorted(byName),
    storages: rows.flatMap((row) => (row.type === 'storage' ? [storageOf(row)] : [])).toSorted(byStorage),
  }
}

const byVmid = (a: GuestRow, b: GuestRow): number => a.vmid - b.vmid
const byName = (a: NodeRow, b: NodeRow): number => (a.node < b.node ? -1 : 1)
const byStorage = (a: StorageRow, b: StorageRow): number =>
  a.storage === b.storage ? (a.node < b.node ? -1 : 1) : a.storage < b.storage ? -1 : 1

function guestOf(row: z.output<typeof guestRow>): GuestRow {
  const { type, vmid, node, status = 'unknown', name, template, tags, pool, lock, hastate, maxcpu, uptime } = row
  const isRunning = status === 'running'
  return {
    vmid,
    kind: type,
    node,
    status,
    name,
    template,
    tags: (tags ?? '').split(/[;, ]+/).filter((tag) => tag !== ''),
    pool,
    lock,
    ha: hastate,
    cpus: maxcpu,
    memoryMib: mib(row.maxmem),
    diskGib: gib(row.maxdisk),
    ...(isRunning && { cpuPct: pct(row.cpu), memMib: mib(row.mem), memPct: share(row.mem, row.maxmem) }),
    ...(isRunning && { uptimeS: uptime }),
  }
}

const nodeOf = (row: z.output<typeof nodeRow>): NodeRow => ({
  node: row.node,
  status: row.status ?? 'unknown',
  cpus: row.maxcpu,
  memoryMib: mib(row.maxmem),
  cpuPct: pct(row.cpu),
  memPct: share(row.mem, row.maxmem),
  diskPct: share(row.disk, row.maxdisk),
  uptimeS: row.uptime,
})

const storageOf = (row: z.output<typeof storageRow>): StorageRow => ({
  storage: row.storage,
  node: row.node,
  status: row.status ?? 'unknown',
  shared: row.shared ?? false,
  type: row.plugintype,
  content: (row.content ?? '')
    .split(',')
    .filter((kind) => kind !== '')
    .toSorted(),
  sizeGib: gib(row.maxdisk),
  usedPct: share(row.disk, row.maxdisk),
})

const mib = (bytes: number | null | undefined): number | undefined => scaled(bytes, 2 ** 20)
const gib = (bytes: number | null | undefined): number | undefined => scaled(bytes, 2 ** 30)

/** Rounded to three digits: what a reader can use. */
function scaled(value: number | null | undefined, unit: number): number | undefined {
  if (value === undefined || value === null) return undefined
  return Number((value / unit).toPrecision(value / unit >= 1000 ? 4 : 3))
}

const pct = (fraction: number | null | undefined): number | undefined =>
  fraction === undefined || fraction === null ? undefined : Math.round(fraction * 1000) / 10

const share = (part: number | null | undefined, whole: number | undefined): number | undefined =>
  part === undefined || part === null || !whole ? undefined : Math.round((part / whole) * 1000) / 10

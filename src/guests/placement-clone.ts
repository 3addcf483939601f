import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { post, type Request } from '../core/operation.ts'
import { askProxmox, shown } from '../core/proxmox-ask.ts'
import { guestPath } from '../core/proxmox-guest.ts'
import { disksOf, type GuestDisk } from '../formats/proxmox-disks.ts'
import { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { snapshotsOf, snapshotsReply } from '../formats/proxmox-snapshots.ts'
import { withoutEmpty } from '../formats/rows.ts'
import type { Json } from '../lib/json.ts'
import { nearest } from '../lib/nearest.ts'
import { type GuestNow, refusal } from './guest-now.ts'
import { freeVmid } from './next-id.ts'
import { type NodeStorage, onlineNode, requirePool, storageFor, storageNamed, storagesOf } from './placement.ts'

/** A copy of a guest as callers ask for it. */
export interface WantedCopy {
  readonly name: string
  readonly linked: boolean
  readonly vmid?: number | undefined
  readonly node?: string | undefined
  readonly storage?: string | undefined
  readonly snapshot?: string | undefined
  readonly pool?: string | undefined
}

/** A copy that can be made, and the request that makes it. */
export interface Copy {
  readonly vmid: number
  readonly node: string
  readonly kind: GuestNow['kind']
  readonly make: Request
  /** Of its disks, where it is not that of its source. */
  readonly storage?: string | undefined
  readonly disks: readonly GuestDisk[]
  /** The configuration of what is copied. */
  readonly config: Readonly<Record<string, string>>
  readonly basis: Readonly<Record<string, Json>>
}

type Reader = Pick<Context, 'read' | 'target'>

/**
 * Where a copy of a guest goes.
 * @throws GatewayError invalid_input: what Proxmox VE does not do; not_found: no such node, storage, snapshot, pool; unreachable
 */
export async function copyOf(context: Reader, source: GuestNow, wanted: WantedCopy): Promise<Copy> {
  refuseKind(source, wanted)
  await requireSnapshot(context, source, wanted.snapshot)
  const { digest = '', ...config } = await askProxmox(context, `${guestPath(source)}/config`, guestConfigReply)
  const disks = disksOf(config)
  const node = wanted.node === undefined ? source.node : await onlineNode(context, wanted.node)
  const storages = await storagesOf(context, source.node)
  const storage = wanted.storage === undefined ? undefined : wantedStorage(context, { source, storages, disks, wanted })
  if (!wanted.linked && storage === undefined) requireRoom(source, disks, storages)
  if (node !== source.node) requireShared(source, { node, disks, storages, storage })
  await requirePool(context, wanted.pool)
  const vmid = await freeVmid(context, source.cluster.guests, wanted.vmid)
  const body = withoutEmpty({
    newid: vmid,
    [source.kind === 'lxc' ? 'hostname' : 'name']: wanted.name,
    full: !wanted.linked,
    snapname: wanted.snapshot,
    storage: storage?.storage,
    target: node === source.node ? undefined : node,
    pool: wanted.pool,
  })
  const basis = { cluster: context.target.id, name: wanted.name, vmid, node, source: { ...source.basis, digest } }
  const make = post(`${guestPath(source)}/clone`, body)
  return { vmid, node, kind: source.kind, make, storage: storage?.storage, disks, config, basis }
}

function refuseKind(source: GuestNow, { linked, storage, snapshot }: WantedCopy): void {
  const { title, kind, status, isTemplate } = source
  if (linked && !isTemplate)
    throw refusal(
      `a linked clone shares the disks of a template, and ${title} is none`,
      'leave linked out, or make it a template with proxmox_convert_template',
    )
  if (linked && storage !== undefined)
    throw refusal('a linked clone stays on the storage of its template', 'leave storage out, or leave linked out')
  if (kind === 'lxc' && status === 'running' && snapshot === undefined)
    throw refusal(
      `cannot clone ${title} while it runs: of a running container only a snapshot is copied`,
      'say snapshot (proxmox_snapshot makes one), or shut it down first',
    )
}

async function requireSnapshot(context: Reader, source: GuestNow, name: string | undefined): Promise<void> {
  if (name === undefined) return
  const { snapshots } = snapshotsOf(await askProxmox(context, `${guestPath(source)}/snapshot`, snapshotsReply))
  const names = snapshots.map((snapshot) => snapshot.name)
  if (names.includes(name)) return
  const close = nearest(name, names)
  throw new GatewayError('not_found', `${source.title} has no snapshot ${shown(name)}`, {
    hint: close === undefined ? `it has: ${names.join(', ') || 'none'}` : `did you mean ${close}?`,
  })
}

interface Choice {
  readonly source: GuestNow
  readonly storages: readonly NodeStorage[]
  readonly disks: readonly GuestDisk[]
  readonly wanted: WantedCopy
}

const gibOf = (disks: readonly GuestDisk[]): number => disks.reduce((sum, { size = 0 }) => sum + size, 0) / 2 ** 30

function wantedStorage(context: Reader, { source, storages, disks, wanted }: Choice): NodeStorage {
  const content = source.kind === 'lxc' ? 'rootdir' : 'images'
  return storageFor(context, storages, { node: source.node, storage: wanted.storage, content, gib: gibOf(disks) })
}

/** Each storage takes the copies of its own disks. */
function requireRoom({ node }: GuestNow, disks: readonly GuestDisk[], storages: readonly NodeStorage[]): void {
  for (const [name, own] of Map.groupBy(disks, ({ storage }) => storage)) {
    const { free } = storages.find(({ storage }) => storage === name) ?? {}
    const wanted = gibOf(own)
    if (free !== undefined && free < wanted * 2 ** 30)
      throw refusal(
        `storage ${name} has ${Math.floor(free / 2 ** 30)} GiB free on ${node}: too little for a copy of ${Math.ceil(wanted)} GiB`,
        'make room, or say another storage',
      )
  }
}

interface Away {
  readonly node: string
  readonly disks: readonly GuestDisk[]
  readonly storages: readonly NodeStorage[]
  readonly storage: NodeStorage | undefined
}

/** A copy is made on the node of its source: what stands elsewhere must be reachable from there. */
function requireShared({ title, node: from }: GuestNow, { node, disks, storages, storage }: Away): void {
  const used = storage === undefined ? [...new Set(disks.map((disk) => disk.storage))] : [storage.storage]
  const local = used.filter((name) => !storageNamed(storages, name, { node: from }).shared)
  if (local.length === 0) return
  throw refusal(
    `cannot clone ${title} to ${node}: storage ${local.join(', ')} is not shared`,
    `leave node out and move the clone afterwards (proxmox_migrate_guest), or say a shared storage`,
  )
}

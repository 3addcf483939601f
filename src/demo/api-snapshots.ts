import { ApiError } from './api-error.ts'
import { disksOf } from './disks.ts'
import { type Guest, type GuestKind, type Snapshot, wordOf } from './guest.ts'
import { configOf, standsOn } from './guest-entries.ts'
import { beginOnGuest } from './guest-task.ts'
import { type Call, guestHere, isSet, type Method, onGuest, type Permissions, seconds, text } from './method.ts'
import type { World } from './world.ts'

const mayLook: Permissions = {
  check: ['perm', '/vms/{vmid}', ['VM.Snapshot', 'VM.Snapshot.Rollback', 'VM.Audit'], 'any', 1],
}
const mayRollBack: Permissions = { check: ['perm', '/vms/{vmid}', ['VM.Snapshot', 'VM.Snapshot.Rollback'], 'any', 1] }

/** Snapshots of guests: each change is a task. What is wrong with it is told by the task, as by Proxmox VE 9.2. */
export const snapshotMethods: readonly Method[] = [...ofKind('lxc'), ...ofKind('qemu')]

function ofKind(kind: GuestKind): readonly Method[] {
  const path = `/nodes/{node}/${kind}/{vmid}`
  const one = `${path}/snapshot/{snapname}`
  const task = { permissions: onGuest('VM.Snapshot'), proxied: true }
  return [
    {
      method: 'GET',
      path: `${path}/feature`,
      permissions: onGuest('VM.Audit'),
      proxied: true,
      answer: (call) => ({ data: featureOf(call, kind) }),
    },
    {
      method: 'GET',
      path: `${one}/config`,
      permissions: mayLook,
      proxied: true,
      answer: (call) => ({ data: configThen(guestHere(call, kind), nameIn(call)) }),
    },
    { method: 'POST', path: `${path}/snapshot`, ...task, answer: (call) => ({ data: create(call, kind) }) },
    { method: 'DELETE', path: one, ...task, answer: (call) => ({ data: remove(call, kind) }) },
    {
      method: 'POST',
      path: `${one}/rollback`,
      permissions: mayRollBack,
      proxied: true,
      answer: (call) => ({ data: rollBack(call, kind) }),
    },
  ]
}

const nameIn = (call: Call): string => text(call, 'snapname') ?? ''

function snapshotIn({ snapshots }: Guest, name: string): Snapshot {
  const found = snapshots.find((snapshot) => snapshot.name === name)
  if (found === undefined) throw new ApiError(500, `snapshot '${name}' does not exist`)
  return found
}

function configThen(guest: Guest, name: string) {
  const { snaptime, parent, holds } = snapshotIn(guest, name)
  const { digest: _, ...config } = configOf({ ...guest, ...holds, lock: undefined })
  return { ...config, parent, snaptime }
}

/** Storages that can take snapshots; of a directory only images in qcow2. */
const capable = /^(zfspool|lvmthin|rbd|btrfs|cephfs)$/

function canSnapshot(world: World, guest: Guest): boolean {
  return disksOf(guest).every(({ storage, volume }) => {
    const type = world.storages.get(storage)?.type ?? ''
    return capable.test(type) || volume.endsWith('.qcow2')
  })
}

function featureOf(call: Call, kind: GuestKind) {
  const guest = guestHere(call, kind)
  const has = text(call, 'feature') === 'snapshot' ? canSnapshot(call.world, guest) : true
  return { hasFeature: has ? 1 : 0, ...(kind === 'qemu' && { nodes: [guest.node] }) }
}

function requireUnlocked({ kind, lock }: Guest): void {
  if (lock !== undefined) throw new ApiError(500, `${wordOf(kind)} is locked (${lock})`)
}

/** To the file of its configuration a node without quorum cannot write. */
function requireQuorum({ world }: Call, { node, kind, vmid }: Guest): void {
  if (world.isQuorate()) return
  const file = `/etc/pve/nodes/${node}/${kind === 'lxc' ? 'lxc' : 'qemu-server'}/${vmid}.conf`
  throw new ApiError(500, `unable to open file '${file}.tmp' - Permission denied`)
}

function create(call: Call, kind: GuestKind): string {
  const name = nameIn(call)
  const reserved = kind === 'lxc' ? ['current', 'vzdump'] : ['current', 'pending']
  if (reserved.includes(name)) throw new ApiError(500, `unable to use snapshot name '${name}' (reserved name)`)
  const { vmid } = guestHere(call, kind)
  const memory = kind === 'qemu' && isSet(call, 'vmstate')
  const check = () => {
    const guest = guestHere(call, kind)
    if (guest.template) throw new ApiError(500, "you can't take a snapshot if it's a template")
    requireUnlocked(guest)
    const used = guest.snapshots.some((snapshot) => snapshot.name === name)
    if (used) throw new ApiError(500, `snapshot name '${name}' already used`)
    if (!canSnapshot(call.world, guest)) throw new ApiError(500, 'snapshot feature is not available')
    requireQuorum(call, guest)
  }
  const apply = (at: number) => {
    const guest = guestHere(call, kind)
    const said = text(call, 'description')
    const { name: own, tags, cpus, memory: ram, diskSize, usedDisk, config } = guest
    const taken: Snapshot = {
      name,
      snaptime: seconds(at),
      description: said === undefined ? '' : `${said}\n`,
      parent: standsOn(guest),
      holds: { name: own, tags, cpus, memory: ram, diskSize, usedDisk, config },
      vmstate: memory && guest.status === 'running',
    }
    call.world.changeGuest(vmid, { snapshots: [...guest.snapshots, taken], standsOn: name })
    return { effect: `snapshot ${name} taken`, vmid }
  }
  const type = kind === 'lxc' ? 'vzsnapshot' : 'qmsnapshot'
  return beginOnGuest(call, { type, vmid, kind, durationMs: memory ? 8000 : 1200, lock: 'snapshot', check, apply })
}

function remove(call: Call, kind: GuestKind): string {
  const name = nameIn(call)
  const { vmid } = guestHere(call, kind)
  const check = () => {
    const guest = guestHere(call, kind)
    snapshotIn(guest, name)
    requireUnlocked(guest)
    if (guest.template) throw new ApiError(500, "you can't delete a snapshot if vm is a template")
    requireQuorum(call, guest)
  }
  const apply = () => {
    const guest = guestHere(call, kind)
    const { parent } = snapshotIn(guest, name)
    const kept = guest.snapshots
      .filter((snapshot) => snapshot.name !== name)
      .map((snapshot) => (snapshot.parent === name ? { ...snapshot, parent } : snapshot))
    const stands = standsOn(guest)
    call.world.changeGuest(vmid, { snapshots: kept, standsOn: (stands === name ? parent : stands) ?? '' })
    return { effect: `snapshot ${name} deleted`, vmid }
  }
  const type = kind === 'lxc' ? 'vzdelsnapshot' : 'qmdelsnapshot'
  return beginOnGuest(call, { type, vmid, kind, durationMs: 1500, lock: 'snapshot-delete', check, apply })
}

function rollBack(call: Call, kind: GuestKind): string {
  const name = nameIn(call)
  const { vmid } = guestHere(call, kind)
  const check = () => {
    const guest = guestHere(call, kind)
    if (guest.template) throw new ApiError(500, "you can't rollback if vm is a template")
    const wanted = snapshotIn(guest, name)
    requireNewest(call.world, guest, wanted)
    requireUnlocked(guest)
    requireQuorum(call, guest)
  }
  const apply = (at: number) => {
    const { holds, vmstate } = snapshotIn(guestHere(call, kind), name)
    const runs = isSet(call, 'start') || vmstate === true
    call.world.changeGuest(vmid, {
      ...holds,
      standsOn: name,
      ...(runs ? { status: 'running', startedAt: at } : { status: 'stopped', startedAt: undefined }),
      paused: undefined,
    })
    return { effect: `rolled back to ${name}`, vmid }
  }
  const type = kind === 'lxc' ? 'vzrollback' : 'qmrollback'
  return beginOnGuest(call, { type, vmid, kind, durationMs: 3000, lock: 'rollback', check, apply })
}

/** ZFS goes back to the newest snapshot of a volume only. */
function requireNewest(world: World, guest: Guest, wanted: Snapshot): void {
  const newer = guest.snapshots.slice(guest.snapshots.indexOf(wanted) + 1)
  const onZfs = disksOf(guest).find(({ storage }) => world.storages.get(storage)?.type === 'zfspool')
  if (newer.length === 0 || onZfs === undefined) return
  const { storage, volume } = onZfs
  throw new ApiError(500, `can't rollback, '${wanted.name}' is not most recent snapshot on '${storage}:${volume}'`)
}

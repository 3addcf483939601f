import { ApiError, badParameters } from './api-error.ts'
import { type Disk, disksOf } from './disks.ts'
import { type Guest, type GuestKind, wordOf } from './guest.ts'
import { configured } from './guest-changes.ts'
import { beginOnGuest } from './guest-task.ts'
import { type Call, guestHere, isSet, type Method, onGuest, text } from './method.ts'
import type { Storage } from './parts.ts'
import type { TaskPlan } from './tasks.ts'
import type { World } from './world.ts'

/** Moving guests to other nodes. */
export const migrateMethods: readonly Method[] = [...ofKind('lxc'), ...ofKind('qemu')]

function ofKind(kind: GuestKind): readonly Method[] {
  const path = `/nodes/{node}/${kind}/{vmid}/migrate`
  const shared = { path, permissions: onGuest('VM.Migrate'), proxied: true }
  return [
    { method: 'GET', ...shared, answer: (call) => ({ data: conditions(call, kind) }) },
    { method: 'POST', ...shared, answer: (call) => ({ data: migrate(call, kind) }) },
  ]
}

const isOn = ({ nodes }: Storage, node: string): boolean => nodes === undefined || nodes.includes(node)

/** Disks on storages that each node has for itself. */
const localDisks = (world: World, guest: Guest): readonly Disk[] =>
  disksOf(guest).filter(({ storage }) => world.storages.get(storage)?.shared === false)

/** The storages of a guest that a node does not have. */
const missingOn = (world: World, guest: Guest, node: string): readonly string[] =>
  [...new Set(disksOf(guest).map(({ storage }) => storage))].filter((name) => {
    const storage = world.storages.get(name)
    return storage !== undefined && !isOn(storage, node)
  })

/** What the node tells before: of a container only where it may go by the rules of HA. */
function conditions(call: Call, kind: GuestKind) {
  const guest = guestHere(call, kind)
  const { world } = call
  const running = guest.status === 'running' ? 1 : 0
  const others = world.nodes().flatMap(({ name }) => (name === guest.node ? [] : [name]))
  if (kind === 'lxc') return { running, 'allowed-nodes': others }
  const lacking = others.map((name) => ({ name, without: missingOn(world, guest, name) }))
  return {
    running,
    local_disks: [
      ...localDisks(world, guest).map(({ storage, volume }) => localDisk(`${storage}:${volume}`, guest.diskSize, 0)),
      ...localMedia(world, guest).map((volid) => localDisk(volid, 0, 1)),
    ],
    local_resources: Object.keys(guest.config).filter((key) => /^(hostpci|usb)\d+$/.test(key)),
    'mapped-resources': [],
    'mapped-resource-info': {},
    'has-dbus-vmstate': 1,
    allowed_nodes: lacking.flatMap(({ name, without }) => (without.length === 0 ? [name] : [])),
    not_allowed_nodes: Object.fromEntries(
      lacking.flatMap(({ name, without }) => (without.length === 0 ? [] : [[name, { unavailable_storages: without }]])),
    ),
  }
}

const localDisk = (volid: string, size: number, cdrom: 0 | 1) => ({ volid, size, cdrom, is_unused: 0 })

const localMedia = (world: World, { config }: Guest): readonly string[] =>
  Object.values(config).flatMap((value) => {
    const [volid = '', ...options] = String(value).split(',')
    const isLocal = world.storages.get(volid.split(':')[0] ?? '')?.shared === false
    return options.includes('media=cdrom') && isLocal ? [volid] : []
  })

function migrate(call: Call, kind: GuestKind): string {
  const { world } = call
  const guest = guestHere(call, kind)
  const target = text(call, 'target') ?? ''
  if (target === guest.node) throw badParameters({ target: 'target is local node.' })
  if (world.node(target) === undefined) throw new ApiError(500, `no such cluster node '${target}'`)
  if (guest.status === 'running') requireRunningMove(call, kind)
  for (const { storage } of disksOf(guest)) requireStorage(call, storage, target)
  if (guest.hastate !== undefined) return byHa(call, guest, target)
  const { vmid } = guest
  const type = kind === 'lxc' ? 'vzmigrate' : 'qmigrate'
  return beginOnGuest(call, { type, vmid, kind, lock: 'migrate', ...work(call, guest, target) })
}

function requireRunningMove(call: Call, kind: GuestKind): void {
  if (kind === 'qemu' && !isSet(call, 'online')) throw new ApiError(500, "can't migrate running VM without --online")
  if (kind === 'lxc' && !isSet(call, 'online') && !isSet(call, 'restart'))
    throw new ApiError(500, "can't migrate running container without --online or --restart")
}

/** Where the disks of a storage go: `thin:fast` says another one. */
function targetStorage(call: Call, from: string): string {
  const pairs = (text(call, 'targetstorage') ?? text(call, 'target-storage') ?? '').split(',')
  const to = pairs.find((pair) => pair.startsWith(`${from}:`))
  return to?.slice(from.length + 1) ?? from
}

function requireStorage(call: Call, from: string, target: string): void {
  const name = targetStorage(call, from)
  const storage = call.world.storages.get(name)
  if (storage === undefined) throw new ApiError(500, `storage '${name}' does not exist`)
  if (!isOn(storage, target)) throw new ApiError(500, `storage '${name}' is not available on node '${target}'`)
}

const bytesPerMs = 100_000

/** The task of a migration: a VM that runs goes on, a container is shut down and started there. */
function work(call: Call, { vmid, kind, diskSize }: Guest, target: string) {
  const { world } = call
  const copies = (guest: Guest) => localDisks(world, guest)
  const check = () => {
    const guest = guestHere(call, kind)
    const { lock, status } = guest
    if (lock !== undefined && lock !== 'migrate') throw new ApiError(500, `${wordOf(kind)} is locked (${lock})`)
    if (world.node(target)?.state !== 'online')
      throw new ApiError(500, `can't connect to destination address using public key`)
    if (kind === 'qemu' && status === 'running' && copies(guest).length > 0 && !isSet(call, 'with-local-disks'))
      throw new ApiError(500, "can't live migrate attached local disks without with-local-disks option")
    if (!world.isQuorate()) throw new ApiError(500, 'cluster not ready - no quorum?')
  }
  const apply: NonNullable<TaskPlan['apply']> = (at) => {
    const guest = guestHere(call, kind)
    const moved = copies(guest).map(({ key, storage }): readonly [string, string] => {
      const to = targetStorage(call, storage)
      return [key, String(guest.config[key]).replace(`${storage}:`, `${to}:`)]
    })
    for (const { storage } of copies(guest).slice(0, 1)) {
      world.addUsed(storage, guest.node, -diskSize)
      world.addUsed(targetStorage(call, storage), target, diskSize)
    }
    const restarts = kind === 'lxc' && guest.status === 'running'
    world.putGuest({
      ...configured(guest, Object.fromEntries(moved)),
      node: target,
      ...(restarts && { startedAt: at }),
    })
    return { effect: `migrated to ${target}`, vmid }
  }
  const copied = copies(guestHere(call, kind)).length > 0
  return { durationMs: 3000 + (copied ? Math.min(60_000, diskSize / bytesPerMs) : 0), check, apply }
}

/** The task only asks the HA manager, which migrates some seconds later, as itself. */
function byHa(call: Call, { vmid, kind, node }: Guest, target: string): string {
  const { world, method, path } = call
  const { durationMs, apply } = work(call, guestHere(call, kind), target)
  const type = kind === 'lxc' ? 'vzmigrate' : 'qmigrate'
  return beginOnGuest(call, {
    type: 'hamigrate',
    vmid,
    kind,
    durationMs: 500,
    apply: () => {
      const origin = { method, path, user: 'root@pam' }
      world.begin({ node, type, id: String(vmid), origin }, { durationMs: 10_000 + durationMs, lock: 'migrate', apply })
      return { effect: 'asked of HA', vmid }
    },
  })
}

import { ApiError, badParameters } from './api-error.ts'
import { restore } from './api-restore.ts'
import { type GuestKind, titleOf, wordOf } from './guest.ts'
import { beginOnGuest } from './guest-task.ts'
import { type Call, everybody, integer, isSet, type Method, may, nodeHere, text } from './method.ts'
import { newGuest } from './new-guest.ts'
import type { Storage } from './parts.ts'
import { usedOf } from './resources.ts'

/** New guests: a container from a template, a virtual machine with an empty disk. */
export const createMethods: readonly Method[] = [
  {
    method: 'POST',
    path: '/nodes/{node}/lxc',
    permissions: everybody,
    proxied: true,
    answer: (call) => ({ data: isSet(call, 'restore') ? restore(call, 'lxc') : createContainer(call) }),
  },
  {
    method: 'POST',
    path: '/nodes/{node}/qemu',
    permissions: everybody,
    proxied: true,
    answer: (call) => ({ data: text(call, 'archive') ? restore(call, 'qemu') : createMachine(call) }),
  },
]

function createContainer(call: Call): string {
  const vmid = integer(call, 'vmid') ?? 0
  requireQuorum(call)
  requireFree(call, vmid)
  checkKeys('ssh-public-keys', text(call, 'ssh-public-keys'))
  requirePool(call)
  requireAllocate(call, vmid)
  const template = text(call, 'ostemplate') ?? ''
  readableStorage(call, template)
  const disk = text(call, 'rootfs') ?? `${text(call, 'storage') ?? 'local'}:4`
  const storage = allocatable(call, disk)
  if (!storage.content.includes('rootdir'))
    throw badParameters({ storage: `storage '${storage.name}' does not support container directories` })
  return begin(call, { kind: 'lxc', vmid, disk, storage, source: template, durationMs: 6000 })
}

function createMachine(call: Call): string {
  const vmid = integer(call, 'vmid') ?? 0
  checkKeys('sshkeys', decodedKeys(text(call, 'sshkeys')))
  requireQuorum(call)
  requirePool(call)
  requireAllocate(call, vmid)
  const medium = Object.keys(call.params)
    .map((key) => text(call, key) ?? '')
    .find((value) => /(^|,)media=cdrom/.test(value))
  const source = medium?.split(',')[0]
  if (source !== undefined) readableStorage(call, source)
  const disk = text(call, 'scsi0') ?? ''
  const storage = disk === '' ? undefined : allocatable(call, disk)
  if (storage !== undefined && !storage.content.includes('images'))
    throw badParameters({ storage: `storage '${storage.name}' does not support vm images` })
  try {
    requireFree(call, vmid)
  } catch (error) {
    throw new ApiError(500, `unable to create VM ${vmid} - ${error instanceof Error ? error.message : error}`)
  }
  return begin(call, { kind: 'qemu', vmid, disk, storage, source, durationMs: 2000 })
}

interface Creation {
  readonly kind: GuestKind
  readonly vmid: number
  /** `local-lvm:8` */
  readonly disk: string
  readonly storage: Storage | undefined
  /** The template or image that it is made from. */
  readonly source: string | undefined
  readonly durationMs: number
}

/** The guest is there at once, locked; when its task fails, it goes. */
function begin(call: Call, creation: Creation): string {
  const { world } = call
  const { kind, vmid, durationMs, source = '' } = creation
  const isStarted = isSet(call, 'start')
  world.putGuest(newGuest(call, kind))
  const log =
    kind === 'lxc' ? [`extracting archive '${source}'`, 'Detected container architecture: amd64'] : [`creating ${vmid}`]
  return beginOnGuest(call, {
    type: kind === 'lxc' ? 'vzcreate' : 'qmcreate',
    vmid,
    kind,
    durationMs,
    log,
    lock: 'create',
    failed: () => abandon(call, vmid),
    apply: (at) => {
      refuseLate(call, creation)
      if (isStarted) world.changeGuest(vmid, { status: 'running', startedAt: at })
      return { effect: isStarted ? 'created and started' : 'created', vmid }
    },
  })
}

/** What was begun in vain is taken back by its worker; one that died with its node leaves it locked. */
export function abandon({ world }: Call, vmid: number): void {
  const guest = world.guest(vmid)
  if (guest !== undefined && world.node(guest.node)?.state === 'offline') world.changeGuest(vmid, { lock: 'create' })
  else world.removeGuest(vmid)
}

/** What is seen only while it is made. */
function refuseLate(call: Call, { kind, vmid, disk, storage, source }: Creation): void {
  const failed = `unable to create ${wordOf(kind)} ${vmid} -`
  if (source !== undefined && !holds(call, source))
    throw new ApiError(500, `${failed} volume '${source}' does not exist`)
  const wanted = Number(/:(\d+(?:\.\d+)?)/.exec(disk)?.[1] ?? 0) * 1024 ** 3
  if (storage !== undefined && usedOf(storage, nodeHere(call).name) + wanted > storage.size)
    throw new ApiError(500, `${failed} storage '${storage.name}' is out of space`)
}

function holds(call: Call, volid: string): boolean {
  const storage = call.world.storages.get(volid.split(':')[0] ?? '')
  const volumes = storage?.volumes[storage.shared ? '*' : nodeHere(call).name] ?? []
  return volumes.some((volume) => volume.volid === volid)
}

/** @throws ApiError when the cluster's file system cannot be written to */
export function requireQuorum({ world }: Call): void {
  if (!world.isQuorate()) throw new ApiError(500, 'cluster not ready - no quorum?')
}

/** @throws ApiError when a guest has this number */
export function requireFree({ world }: Call, vmid: number): void {
  const taken = world.guest(vmid)
  if (taken !== undefined) throw new ApiError(500, `${titleOf(taken)} already exists on node '${taken.node}'`)
}

/** @throws ApiError when the pool that is named does not exist */
export function requirePool(call: Call): void {
  const pool = text(call, 'pool')
  if (pool !== undefined && !call.world.pools.has(pool)) throw new ApiError(500, `pool '${pool}' does not exist`)
}

function requireAllocate(call: Call, vmid: number): void {
  const pool = text(call, 'pool')
  const isAllowed = may(call, `/vms/${vmid}`, 'VM.Allocate') || (pool && may(call, `/pool/${pool}`, 'VM.Allocate'))
  if (!isAllowed) throw new ApiError(403, 'Permission check failed')
}

/** The storage of a volume that shall be made. @throws ApiError */
export function allocatable(call: Call, disk: string): Storage {
  const storage = storageOf(call, disk)
  if (!may(call, `/storage/${storage.name}`, 'Datastore.AllocateSpace'))
    throw new ApiError(403, `Permission check failed (/storage/${storage.name}, Datastore.AllocateSpace)`)
  return storage
}

function readableStorage(call: Call, volid: string): void {
  const { name } = storageOf(call, volid)
  const isReadable = ['Datastore.Audit', 'Datastore.AllocateSpace'].some((one) => may(call, `/storage/${name}`, one))
  if (!isReadable)
    throw new ApiError(403, `Permission check failed (/storage/${name}, Datastore.Audit|Datastore.AllocateSpace)`)
}

function storageOf(call: Call, volume: string): Storage {
  const [name = ''] = volume.split(':')
  const storage = call.world.storages.get(name)
  if (storage === undefined) throw new ApiError(500, `storage '${name}' does not exist`)
  if (storage.inactive) throw new ApiError(500, `storage '${name}' is not online`)
  return storage
}

const decodedKeys = (keys: string | undefined): string | undefined =>
  keys === undefined ? undefined : decodeURIComponent(keys)

function checkKeys(parameter: string, keys: string | undefined): void {
  const wrong = (keys ?? '')
    .split('\n')
    .find((line) => line.trim() !== '' && !/^(ssh-|ecdsa-|sk-)\S+ \S+/.test(line.trim()))
  if (wrong !== undefined) throw badParameters({ [parameter]: 'SSH public key validation error' })
}

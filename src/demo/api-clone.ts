import { abandon, allocatable, requireFree, requirePool, requireQuorum } from './api-create.ts'
import { ApiError, badParameters } from './api-error.ts'
import { type Disk, disksOf } from './disks.ts'
import { type Guest, type GuestKind, wordOf } from './guest.ts'
import { beginOnGuest } from './guest-task.ts'
import { type Call, guestHere, integer, isSet, type Method, text } from './method.ts'
import { dhcpAddress, keptValue } from './new-guest.ts'

/** Copies of guests: whole ones, and of templates ones that share their disks. */
export const cloneMethods: readonly Method[] = [ofKind('lxc'), ofKind('qemu')]

function ofKind(kind: GuestKind): Method {
  return {
    method: 'POST',
    path: `/nodes/{node}/${kind}/{vmid}/clone`,
    permissions: {
      check: [
        'and',
        ['perm', '/vms/{vmid}', ['VM.Clone']],
        [
          'or',
          ['perm', '/vms/{newid}', ['VM.Allocate']],
          ['perm', '/pool/{pool}', ['VM.Allocate'], 'require_param', 'pool'],
        ],
      ],
    },
    proxied: true,
    answer: (call) => ({ data: clone(call, kind) }),
  }
}

const fullMs = 8000
const linkedMs = 1500

interface Copy {
  readonly source: Guest
  readonly newid: number
  readonly full: boolean
  readonly storage: string | undefined
  /** Where the copy stands. */
  readonly node: string
}

function clone(call: Call, kind: GuestKind): string {
  const { world } = call
  const source = guestHere(call, kind)
  const full = call.params['full'] === undefined ? source.template !== true : isSet(call, 'full')
  const newid = integer(call, 'newid') ?? 0
  const copy = { source, newid, full, storage: text(call, 'storage'), node: text(call, 'target') ?? source.node }
  check(call, copy)
  // A container's copy has its number at once; a virtual machine's when its task begins.
  const copied = copyOf(call, copy)
  if (kind === 'lxc') world.putGuest({ ...copied, node: source.node, lock: 'create' })
  return beginOnGuest(call, {
    type: kind === 'lxc' ? 'vzclone' : 'qmclone',
    vmid: source.vmid,
    kind,
    durationMs: full ? fullMs : linkedMs,
    log: [`creating a clone of ${kind === 'lxc' ? 'container' : 'VM'} ${source.vmid} with ID ${newid}`],
    lock: kind === 'lxc' ? 'disk' : undefined,
    failed: () => (kind === 'lxc' ? abandon(call, newid) : undefined),
    apply: () => {
      if (kind === 'qemu' && world.guest(newid) !== undefined)
        throw new ApiError(500, `unable to create VM ${newid}: config file already exists`)
      world.putGuest(copied)
      return { effect: 'cloned', vmid: newid }
    },
  })
}

/** What is seen before the task begins, in the order of Proxmox VE 9.2. */
function check(call: Call, copy: Copy): void {
  const { source, newid } = copy
  requirePool(call)
  requirePlace(call, copy)
  requireQuorum(call)
  if (source.lock !== undefined) throw new ApiError(500, `${wordOf(source.kind)} is locked (${source.lock})`)
  if (source.kind === 'lxc') requireFree(call, newid)
  refuseCopy(call, copy)
  requireShared(call, copy)
  const isTaken = source.kind === 'qemu' && call.world.guest(newid) !== undefined
  if (isTaken) throw new ApiError(500, `unable to create VM ${newid}: config file already exists`)
}

function requirePlace(call: Call, { source, storage, node }: Copy): void {
  if (call.world.node(node) === undefined) throw new ApiError(500, `no such cluster node '${node}'`)
  if (storage === undefined) return
  const { content, shared } = allocatable(call, storage)
  if (source.kind === 'qemu' && !content.includes('images'))
    throw badParameters({ storage: `storage '${storage}' does not support vm images` })
  if (node !== source.node && !shared) throw new ApiError(500, `can't clone to non-shared storage '${storage}'`)
}

function refuseCopy(call: Call, { source, full, storage }: Copy): void {
  const { kind, status, template, snapshots } = source
  const snapshot = text(call, 'snapname')
  if (storage !== undefined && !full) throw new ApiError(500, "parameter 'storage' not allowed for linked clones")
  if (snapshot !== undefined && !snapshots.some(({ name }) => name === snapshot))
    throw new ApiError(500, `snapshot '${snapshot}' does not exist`)
  if (kind === 'lxc' && full && status === 'running' && snapshot === undefined)
    throw new ApiError(500, 'Full clone of a running container is only possible from a snapshot')
  if (full || template) return
  const [{ key, storage: of, volume } = { key: 'scsi0', storage: '', volume: '' }] = disksOf(source)
  throw new ApiError(
    500,
    kind === 'lxc'
      ? `Linked clone feature for '${of}:${volume}' is not available`
      : `Linked clone feature is not supported for '${of}:${volume}' (${key})`,
  )
}

function requireShared(call: Call, { source, storage, node }: Copy): void {
  if (node === source.node) return
  const isShared = ({ storage: of }: Disk) => call.world.storages.get(storage ?? of)?.shared === true
  const { kind } = source
  if (!disksOf(source).every(isShared))
    throw new ApiError(500, `can't clone ${wordOf(kind)} to node '${node}' (${wordOf(kind)} uses local storage)`)
}

function copyOf(call: Call, copy: Copy): Guest {
  const { source, newid, node } = copy
  const snapshot = source.snapshots.find(({ name }) => name === text(call, 'snapname'))
  const was = { ...source, ...snapshot?.holds }
  const name = text(call, source.kind === 'lxc' ? 'hostname' : 'name')
  const entries = Object.entries(was.config).map(([key, value]) => [key, valueIn(copy, key, value)] as const)
  return {
    ...was,
    vmid: newid,
    node,
    name: name ?? (source.kind === 'lxc' ? was.name : `Copy-of-VM-${was.name}`),
    pool: text(call, 'pool'),
    status: 'stopped',
    template: undefined,
    lock: undefined,
    hastate: undefined,
    snapshots: [],
    config: Object.fromEntries(entries),
    addresses: [dhcpAddress(call, newid)],
  }
}

/** Disks are the copy's own, cards have addresses of their own. */
function valueIn({ source, newid, full, storage }: Copy, key: string, value: string | number): string | number {
  if (/^net\d+$/.test(key)) return keptValue(key, String(value).replace(/,hwaddr=[^,]+|=[0-9A-F:]{17}/gi, ''), newid)
  const [, of, volume, rest = ''] = /^([A-Za-z][\w.-]*):([^,]+)(.*)$/.exec(String(value)) ?? []
  const isOwn = volume?.includes(`-${source.vmid}-`) === true
  if (of === undefined || volume === undefined || !isOwn) return value
  const own = volume.replace(`base-${source.vmid}-`, `vm-${newid}-`).replace(`-${source.vmid}-`, `-${newid}-`)
  return full ? `${storage ?? of}:${own}${rest}` : `${of}:${volume}/${own}${rest}`
}

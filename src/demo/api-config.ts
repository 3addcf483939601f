import { ApiError, badParameters } from './api-error.ts'
import { type Guest, type GuestKind, wordOf } from './guest.ts'
import { type ConfigChanges, changed, configured } from './guest-changes.ts'
import { configOf } from './guest-entries.ts'
import { beginOnGuest } from './guest-task.ts'
import { type Call, guestHere, isSet, type Method, may, onGuest, type Permissions, text } from './method.ts'

const perm = (privileges: readonly string[]): Permissions => ({ check: ['perm', '/vms/{vmid}', privileges, 'any', 1] })
const configuring: Readonly<Record<GuestKind, Permissions>> = {
  lxc: perm(['VM.Config.Disk', 'VM.Config.CPU', 'VM.Config.Memory', 'VM.Config.Network', 'VM.Config.Options']),
  qemu: perm([
    'VM.Config.Disk',
    'VM.Config.CDROM',
    'VM.Config.CPU',
    'VM.Config.Memory',
    'VM.Config.Network',
    'VM.Config.HWType',
    'VM.Config.Options',
    'VM.Config.Cloudinit',
  ]),
}

/** Changing a guest's configuration and its disks. */
export const configMethods: readonly Method[] = [...ofKind('lxc'), ...ofKind('qemu'), ...ofMachines()]

function ofKind(kind: GuestKind): readonly Method[] {
  const path = `/nodes/{node}/${kind}/{vmid}`
  return [
    {
      method: 'PUT',
      path: `${path}/config`,
      permissions: configuring[kind],
      proxied: true,
      answer(call) {
        put(call, kind)
        return { data: null }
      },
    },
    {
      method: 'GET',
      path: `${path}/pending`,
      permissions: onGuest('VM.Audit'),
      proxied: true,
      answer: (call) => ({ data: pendingOf(guestHere(call, kind)) }),
    },
    {
      method: 'PUT',
      path: `${path}/resize`,
      permissions: kind === 'lxc' ? perm(['VM.Config.Disk']) : onGuest('VM.Config.Disk'),
      proxied: true,
      answer: (call) => ({ data: resize(call, kind) }),
    },
  ]
}

function ofMachines(): readonly Method[] {
  return [
    {
      method: 'POST',
      path: '/nodes/{node}/qemu/{vmid}/config',
      permissions: configuring.qemu,
      proxied: true,
      answer: (call) => ({ data: post(call) }),
    },
  ]
}

/** A container's configuration, and a machine's where nobody waits for a task, is written at once. */
function put(call: Call, kind: GuestKind): void {
  const guest = guestHere(call, kind)
  const changes = requireFree(call, guest)
  call.world.putGuest(changed(guest, changes))
  call.world.note(
    { method: call.method, path: call.path, user: call.caller.id },
    { effect: 'configured', vmid: guest.vmid },
  )
}

function post(call: Call): string {
  const guest = guestHere(call, 'qemu')
  const changes = requireFree(call, guest)
  return beginOnGuest(call, {
    type: 'qmconfig',
    vmid: guest.vmid,
    kind: 'qemu',
    durationMs: 300,
    apply: () => {
      call.world.putGuest(changed(guestHere(call, 'qemu'), changes))
      return { effect: 'configured', vmid: guest.vmid }
    },
  })
}

const noKeys: readonly string[] = [
  'node',
  'vmid',
  'digest',
  'delete',
  'revert',
  'skiplock',
  'force',
  'background_delay',
]

/** What a request changes. @throws ApiError when it may not, or when somebody else did meanwhile */
function requireFree(call: Call, guest: Guest): ConfigChanges {
  const { vmid, kind, lock } = guest
  if (isSet(call, 'skiplock') && call.caller.id !== 'root@pam')
    throw badParameters({ skiplock: 'Only root may use this option.' })
  const given = Object.keys(call.params).filter((key) => !noKeys.includes(key))
  const removed = (text(call, 'delete') ?? '').split(/[,;\s]+/).filter((key) => key !== '')
  for (const key of [...given, ...removed]) requireRight(call, vmid, key)
  requireDigest(call, guest)
  if (lock !== undefined) throw new ApiError(500, `${wordOf(kind)} is locked (${lock})`)
  if (!call.world.isQuorate()) throw noQuorum(guest)
  const values = given.map((key): readonly [string, string | number] => [key, stored(key, text(call, key) ?? '')])
  return { ...Object.fromEntries(values), ...Object.fromEntries(removed.map((key) => [key, undefined])) }
}

/** Numbers are kept as numbers, notes with a line end; the memory of a machine is text. */
function stored(key: string, value: string): string | number {
  if (key === 'description') return `${value.trimEnd()}\n`
  return /^\d+$/.test(value) && !['memory', 'agent'].includes(key) ? Number(value) : value
}

function requireRight(call: Call, vmid: number, key: string): void {
  const { user, id } = call.caller
  if (key === 'args' && id !== 'root@pam') throw new ApiError(500, "only root can set 'args' config")
  const privilege = `VM.Config.${rightFor(key)}`
  if (!may(call, `/vms/${vmid}`, privilege) && user !== 'root@pam')
    throw new ApiError(403, `Permission check failed (/vms/${vmid}, ${privilege})`)
}

function rightFor(key: string): string {
  if (/^(cores|sockets|cpu|cpulimit|cpuunits|vcpus|numa)$/.test(key)) return 'CPU'
  if (/^(memory|swap|balloon|shares)$/.test(key)) return 'Memory'
  if (/^net\d+$|^(hostname|nameserver|searchdomain)$/.test(key)) return 'Network'
  return /^(rootfs|mp\d+|scsi\d+|virtio\d+|sata\d+|ide\d+)$/.test(key) ? 'Disk' : 'Options'
}

function requireDigest(call: Call, guest: Guest): void {
  const digest = text(call, 'digest')
  if (digest !== undefined && digest !== configOf(guest)['digest'])
    throw new ApiError(500, 'detected modified configuration - file changed by other user? Try again.')
}

function noQuorum({ kind, node, vmid }: Guest): ApiError {
  const file = `/etc/pve/nodes/${node}/${kind === 'lxc' ? 'lxc' : 'qemu-server'}/${vmid}.conf.tmp.140`
  return new ApiError(500, `unable to open file '${file}' - Permission denied`)
}

/** The configuration as it runs, each key with what waits for the next start. */
function pendingOf(guest: Guest): readonly unknown[] {
  const { digest: _, ...now } = configOf({ ...guest, pending: undefined })
  const pending = guest.pending ?? {}
  const keys = [...new Set([...Object.keys(now), ...Object.keys(pending)])]
  return keys.flatMap((key): readonly unknown[] => {
    const value = now[key]
    const next = pending[key]
    if (!Object.hasOwn(pending, key)) return value === undefined ? [] : [{ key, value }]
    return [{ key, value, ...(next === undefined ? { delete: 1 } : { pending: next }) }]
  })
}

const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/** Bytes of `8G`, `512M`, `1.5T`. */
export function bytesOf(size: string): number {
  const [, number = '0', unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(size) ?? []
  return Math.round(Number(number) * (units[unit] ?? 1))
}

/** As Proxmox VE writes sizes: in the largest unit that leaves a whole number. */
export function sizeText(bytes: number): string {
  const [unit, size] = Object.entries(units).findLast(([, each]) => bytes % each === 0) ?? ['', 1]
  return `${bytes / size}${unit}`
}

function resize(call: Call, kind: GuestKind): string {
  const guest = guestHere(call, kind)
  const disk = text(call, 'disk') ?? ''
  const size = text(call, 'size') ?? ''
  requireDigest(call, guest)
  if (guest.lock !== undefined) throw new ApiError(500, `${wordOf(kind)} is locked (${guest.lock})`)
  const value = String(configOf(guest)[disk] ?? '')
  if (value === '') throw new ApiError(500, kind === 'lxc' ? 'unable to parse volume' : `disk '${disk}' does not exist`)
  const before = bytesOf(/(?:^|,)size=([^,]+)/.exec(value)?.[1] ?? '0')
  const after = size.startsWith('+') ? before + bytesOf(size.slice(1)) : bytesOf(size)
  if (after < before)
    throw new ApiError(500, kind === 'lxc' ? 'unable to shrink disk size' : 'shrinking disks is not supported')
  return beginOnGuest(call, {
    type: 'resize',
    vmid: guest.vmid,
    kind,
    durationMs: 2000,
    apply: () => {
      const now = guestHere(call, kind)
      const isFirst = disk === 'rootfs' || disk === 'scsi0'
      const grown = configured(now, { [disk]: value.replace(/(^|,)size=[^,]+/, `$1size=${sizeText(after)}`) })
      call.world.putGuest({ ...grown, ...(isFirst && { diskSize: after }) })
      call.world.addUsed(value.split(':')[0] ?? '', guest.node, after - before)
      return { effect: 'resized', vmid: guest.vmid }
    },
  })
}

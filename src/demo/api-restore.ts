import { archiveNamed } from './api-backups.ts'
import { ApiError, badParameters } from './api-error.ts'
import { type Guest, type GuestKind, guestOf, titleOf, wordOf } from './guest.ts'
import { beginOnGuest } from './guest-task.ts'
import { type Call, integer, isSet, may, nodeHere, text } from './method.ts'
import { keptValue } from './new-guest.ts'
import type { Volume } from './parts.ts'

const restoreMs = 12_000

/**
 * Restores an archive as a guest and returns the UPID: what POST /nodes/{node}/lxc does with `restore`, and …/qemu with `archive`.
 * The guest is there at once, locked. @throws ApiError
 */
export function restore(call: Call, kind: GuestKind): string {
  const { world } = call
  const vmid = integer(call, 'vmid') ?? 0
  if (!world.isQuorate()) throw new ApiError(500, 'cluster not ready - no quorum?')
  const before = world.guest(vmid)
  refuseOver(call, before, kind)
  if (!may(call, `/vms/${vmid}`, 'VM.Allocate') && !(before && may(call, `/vms/${vmid}`, 'VM.Backup')))
    throw new ApiError(403, 'Permission check failed')
  checkStorage(call, kind)
  const volid = text(call, kind === 'lxc' ? 'ostemplate' : 'archive') ?? ''
  const node = nodeHere(call).name
  if (before === undefined) world.putGuest(guestOf({ vmid, kind, node, name: `${wordOf(kind)}${vmid}` }))
  return beginOnGuest(call, {
    type: kind === 'lxc' ? 'vzrestore' : 'qmrestore',
    vmid,
    kind,
    durationMs: restoreMs,
    log: [`recovering backed-up configuration from '${volid}'`, `restoring '${volid}' now..`],
    lock: 'create',
    failed: () => before === undefined && world.removeGuest(vmid),
    apply: (at) => {
      const archive = archiveIn(call, kind, volid)
      world.putGuest(restored(call, archive, { vmid, kind, at }))
      return { effect: `restored${before === undefined ? '' : ` over ${before.name}`}`, vmid }
    },
  })
}

function refuseOver(call: Call, before: Guest | undefined, kind: GuestKind): void {
  if (before === undefined) return
  const isMeant = isSet(call, 'force') && before.kind === kind && before.node === nodeHere(call).name
  const failed = `unable to restore ${titleOf(before)} -`
  if (!isMeant) {
    const exists = `${titleOf(before)} already exists on node '${before.node}'`
    throw new ApiError(500, kind === 'lxc' ? exists : `${failed} ${exists}`)
  }
  if (before.status === 'running')
    throw new ApiError(500, kind === 'lxc' ? "can't overwrite running container" : `${failed} vm is running`)
  if (String(before.config['protection'] ?? 0) === '1') throw new ApiError(500, `${failed} protection mode enabled`)
  if (before.lock !== undefined) throw new ApiError(500, `${failed} ${wordOf(kind)} is locked (${before.lock})`)
}

function checkStorage(call: Call, kind: GuestKind): void {
  const name = text(call, 'storage') ?? (kind === 'lxc' ? 'local' : undefined)
  if (name === undefined) return
  const storage = call.world.storages.get(name)
  if (storage === undefined) throw new ApiError(500, `storage '${name}' does not exist`)
  if (kind === 'lxc' && !storage.content.includes('rootdir'))
    throw badParameters({ storage: `storage '${name}' does not support container directories` })
  if (!may(call, `/storage/${name}`, 'Datastore.AllocateSpace'))
    throw new ApiError(403, `Permission check failed (/storage/${name}, Datastore.AllocateSpace)`)
}

function archiveIn(call: Call, kind: GuestKind, volid: string): Volume {
  const archive = archiveNamed(call, volid)
  if (!volid.includes(`vzdump-${kind}-`)) throw new ApiError(500, `unable to restore - '${volid}' is of another kind`)
  return archive
}

interface As {
  readonly vmid: number
  readonly kind: GuestKind
  readonly at: number
}

function restored(call: Call, archive: Volume, { vmid, kind, at }: As): Guest {
  const node = nodeHere(call).name
  const held = archive.holds ?? guestOf({ vmid, node, kind, name: archive.notes ?? `guest-${vmid}` })
  const runs = isSet(call, 'start')
  return {
    ...held,
    vmid,
    node,
    lock: undefined,
    snapshots: [],
    standsOn: undefined,
    hastate: undefined,
    status: runs ? 'running' : 'stopped',
    startedAt: runs ? at : undefined,
    config: Object.fromEntries(Object.entries(held.config).map(([key, value]) => [key, placed(call, key, value)])),
  }
}

const isDisk = (key: string): boolean => /^(rootfs|mp\d+|scsi\d+|virtio\d+|sata\d+|ide\d+|efidisk\d+)$/.test(key)

/** A key of the archive's configuration in its new place: disks on the wanted storage, cards with addresses of their own. */
function placed(call: Call, key: string, value: string | number): string | number {
  const vmid = integer(call, 'vmid') ?? 0
  const storage = text(call, 'storage')
  if (isDisk(key) && !String(value).includes('media=cdrom'))
    return String(value)
      .replace(/^[\w.-]+:/, (old) => (storage === undefined ? old : `${storage}:`))
      .replace(/-\d+-disk-/, `-${vmid}-disk-`)
  if (!/^net\d+$/.test(key) || !isSet(call, 'unique')) return value
  return keptValue(key, String(value).replace(/(,hwaddr)?=[0-9A-F]{2}(:[0-9A-F]{2}){5}/i, ''), vmid)
}

import { ApiError } from './api-error.ts'
import { disksOf } from './disks.ts'
import { type Guest, type GuestKind, wordOf } from './guest.ts'
import { configured } from './guest-changes.ts'
import { beginOnGuest } from './guest-task.ts'
import { type Call, everybody, guestHere, isSet, type Method, may, onGuest, sysAudit } from './method.ts'
import type { World } from './world.ts'

/** Deleting guests and making templates of them, and what else in a cluster names a guest. */
export const destroyMethods: readonly Method[] = [
  ...ofKind('lxc'),
  ...ofKind('qemu'),
  { method: 'GET', path: '/cluster/ha/resources', permissions: sysAudit('/'), answer: haResources },
  { method: 'GET', path: '/cluster/replication', permissions: everybody, answer: replication },
]

function ofKind(kind: GuestKind): readonly Method[] {
  const path = `/nodes/{node}/${kind}/{vmid}`
  const shared = { permissions: onGuest('VM.Allocate'), proxied: true }
  return [
    { method: 'DELETE', path, ...shared, answer: (call) => ({ data: destroy(call, kind) }) },
    { method: 'POST', path: `${path}/template`, ...shared, answer: (call) => ({ data: template(call, kind) }) },
  ]
}

/** The name of a guest in HA: `ct:101`. */
const sidOf = ({ kind, vmid }: Guest): string => `${kind === 'lxc' ? 'ct' : 'vm'}:${vmid}`

function destroy(call: Call, kind: GuestKind): string {
  const guest = guestHere(call, kind)
  const { vmid } = guest
  const { world } = call
  const purge = isSet(call, 'purge')
  const check = () => requireDestroyable(call, guestHere(call, kind))
  check()
  const type = kind === 'lxc' ? 'vzdestroy' : 'qmdestroy'
  const apply = () => {
    const now = guestHere(call, kind)
    for (const { storage, volume, key } of disksOf(now)) freeVolume(world, now, { storage, volume, key })
    world.removeGuest(vmid)
    if (purge) forget(world, vmid)
    return { effect: 'destroyed', vmid }
  }
  return beginOnGuest(call, { type, vmid, kind, durationMs: 2000, check, apply })
}

function requireDestroyable(call: Call, guest: Guest): void {
  const { world } = call
  const purge = isSet(call, 'purge')
  const { vmid, kind, status, lock, config, hastate } = guest
  const word = wordOf(kind)
  if (config['protection'] === 1) throw new ApiError(500, `can't remove ${word} ${vmid} - protection mode enabled`)
  if (!purge && hastate !== undefined)
    throw new ApiError(500, `unable to remove ${word} ${vmid} - used in HA resources and purge parameter not set.`)
  if (!purge && world.replication.some((job) => job.guest === vmid))
    throw new ApiError(500, 'There is a replication job for this guest. Please remove that first.')
  if (status === 'running' && !isSet(call, 'force'))
    throw new ApiError(
      500,
      kind === 'lxc' ? `unable to destroy CT ${vmid} - container is running` : `VM ${vmid} is running - destroy failed`,
    )
  if (lock !== undefined) throw new ApiError(500, `${word} is locked (${lock})`)
  if (!world.isQuorate()) throw new ApiError(500, 'cluster not ready - no quorum?')
  const base = disksOf(guest).find(({ volume }) => isCloned(world, volume))
  if (guest.template && base !== undefined)
    throw new ApiError(500, `base volume '${base.storage}:${base.volume}' is still in use by linked cloned`)
}

/** Linked clones name the volume that they stand on: `base-201-disk-0/vm-202-disk-0`. */
const isCloned = (world: World, volume: string): boolean =>
  world.guests().some((guest) => disksOf(guest).some((disk) => disk.volume.startsWith(`${volume}/`)))

function freeVolume(world: World, { node, diskSize }: Guest, disk: ReturnType<typeof disksOf>[number]): void {
  const isFirst = disk.key === 'rootfs' || disk.key === 'scsi0'
  if (isFirst) world.addUsed(disk.storage, node, -diskSize)
  const storage = world.storages.get(disk.storage)
  if (storage === undefined) return
  const kept = Object.entries(storage.volumes).map(([at, all]) => [
    at,
    all.filter(({ volid }) => volid !== `${disk.storage}:${disk.volume}`),
  ])
  world.storages.set(disk.storage, { ...storage, volumes: Object.fromEntries(kept) })
}

/** Takes a guest out of jobs that name it. */
function forget(world: World, vmid: number): void {
  world.replication = world.replication.filter((job) => job.guest !== vmid)
  world.backupJobs = world.backupJobs.flatMap((job) => {
    if (job.vmid === undefined) return [job]
    const left = job.vmid.split(',').filter((one) => one !== String(vmid))
    return left.length === 0 ? [] : [{ ...job, vmid: left.join(',') }]
  })
}

/** A container's task is not named in the answer, which comes before its end: as recorded in the schema. */
function template(call: Call, kind: GuestKind): string | null {
  const { vmid } = guestHere(call, kind)
  const check = () => requireConvertible(call, guestHere(call, kind))
  check()
  const type = kind === 'lxc' ? 'vztemplate' : 'qmtemplate'
  const apply = () => {
    const guest = guestHere(call, kind)
    const renamed = disksOf(guest).map(({ key, volume }) => {
      const base = volume.replace(
        /(^|\/)(vm|subvol)-(\d+)-/,
        (_, before: string, form: string, id: string) => `${before}base${form === 'subvol' ? 'vol' : ''}-${id}-`,
      )
      return [key, String(guest.config[key]).replace(volume, base)]
    })
    call.world.putGuest({ ...configured(guest, Object.fromEntries(renamed)), template: true })
    return { effect: 'made a template', vmid }
  }
  const upid = beginOnGuest(call, { type, vmid, kind, durationMs: 1500, check, apply })
  return kind === 'lxc' ? null : upid
}

function requireConvertible({ world }: Call, guest: Guest): void {
  const { kind, lock, snapshots, status, template: isTemplate } = guest
  if (lock !== undefined) throw new ApiError(500, `${wordOf(kind)} is locked (${lock})`)
  if (snapshots.length > 0)
    throw new ApiError(500, `unable to create template, because ${wordOf(kind)} contains snapshots`)
  if (isTemplate) throw new ApiError(500, "you can't convert a template to a template")
  if (status === 'running')
    throw new ApiError(500, `you can't convert a ${wordOf(kind)} to template if the ${wordOf(kind)} is running`)
  if (!world.isQuorate()) throw new ApiError(500, 'cluster not ready - no quorum?')
}

function haResources({ world }: Call) {
  const managed = world.guests().filter(({ hastate }) => hastate !== undefined)
  return { data: managed.map((guest) => ({ sid: sidOf(guest), type: sidOf(guest).slice(0, 2), state: guest.hastate })) }
}

function replication(call: Call) {
  const seen = call.world.replication.filter(({ guest }) => may(call, `/vms/${guest}`, 'VM.Audit'))
  const data = seen.map(({ guest, number, source, target }) => ({
    id: `${guest}-${number}`,
    type: 'local',
    guest,
    jobnum: number,
    source,
    target,
  }))
  return { data }
}

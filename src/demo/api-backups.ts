import { ApiError, badParameters } from './api-error.ts'
import { type Guest, wordOf } from './guest.ts'
import { configOf } from './guest-entries.ts'
import { type Call, everybody, integer, type Method, may, nodeHere, seconds, text } from './method.ts'
import type { Storage, Volume } from './parts.ts'
import { markedFor } from './prune.ts'
import { usedOf } from './resources.ts'
import { putVolumes, volumesOf } from './volumes.ts'

const dump = '/nodes/{node}/vzdump'

/** Backups: one of a guest is made, a retention is tried, a configuration is read out of an archive. */
export const backupMethods: readonly Method[] = [
  { method: 'POST', path: dump, permissions: everybody, proxied: true, answer: (call) => ({ data: backUp(call) }) },
  {
    method: 'GET',
    path: `${dump}/extractconfig`,
    permissions: everybody,
    proxied: true,
    answer: (call) => ({ data: configIn(call) }),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/prunebackups',
    permissions: { check: ['perm', '/storage/{storage}', ['Datastore.Audit', 'Datastore.AllocateSpace'], 'any', 1] },
    proxied: true,
    answer: (call) => ({ data: tried(call) }),
  },
]

function storageNamed(call: Call, name: string): Storage {
  const storage = call.world.storages.get(name)
  if (storage === undefined) throw new ApiError(500, `storage '${name}' does not exist`)
  return storage
}

function requirePrivilege(call: Call, path: string, privilege: string): void {
  if (!may(call, path, privilege)) throw new ApiError(403, `Permission check failed (${path}, ${privilege})`)
}

const backupMs = 20_000

/** Of one guest. What fails while it is made stands in the log; the task itself ends with `job errors`. */
function backUp(call: Call): string {
  const { world, method, path, caller } = call
  const vmid = integer(call, 'vmid') ?? 0
  const name = text(call, 'storage') ?? 'local'
  if (text(call, 'prune-backups') !== undefined) requirePrivilege(call, `/storage/${name}`, 'Datastore.Allocate')
  const node = nodeHere(call).name
  const guest = world.guest(vmid)
  // A guest of another node is passed over without a word.
  if (guest !== undefined && guest.node !== node) return 'OK'
  requirePrivilege(call, `/storage/${name}`, 'Datastore.AllocateSpace')
  const wrong = obstacle(call, guest, name)
  const begun = { node, type: 'vzdump', id: String(vmid), origin: { method, path, user: caller.id } }
  const starting = `INFO: starting new backup job: vzdump ${vmid} --storage ${name}`
  if (wrong !== undefined) {
    const failed = [`ERROR: Backup of VM ${vmid} failed - ${wrong}`, 'INFO: Failed at 2026-11-21 03:47:57']
    const log = [starting, ...failed, 'INFO: Backup job finished with errors']
    return world.begin(begun, { durationMs: 500, fails: 'job errors', log }).upid
  }
  const startedAt = world.now()
  const log = [
    starting,
    `INFO: Starting Backup of VM ${vmid} (${guest?.kind})`,
    'INFO: adding notes to backup',
    `INFO: Finished Backup of VM ${vmid} (00:00:20)`,
    'INFO: Backup job finished successfully',
  ]
  const apply = () => ({ effect: written(call, startedAt), vmid })
  return world.begin(begun, { durationMs: backupMs, log, lock: 'backup', apply }).upid
}

function obstacle(call: Call, guest: Guest | undefined, name: string): string | undefined {
  const storage = call.world.storages.get(name)
  if (storage === undefined) return `could not get storage information for '${name}': storage '${name}' does not exist`
  if (storage.inactive) return `could not activate storage '${name}': storage '${name}' is not online`
  if (!storage.content.includes('backup')) return `can't use storage '${name}' for backups - wrong content type`
  if (guest === undefined) return `unable to find VM '${integer(call, 'vmid')}'`
  if (!may(call, `/vms/${guest.vmid}`, 'VM.Backup')) return `Permission check failed (/vms/${guest.vmid}, VM.Backup)`
  if (guest.lock !== undefined) return `${wordOf(guest.kind)} is locked (${guest.lock})`
  if (usedOf(storage, guest.node) + archiveSize(guest) > storage.size) return 'No space left on device'
  return undefined
}

const archiveSize = ({ usedDisk }: Guest): number => Math.round(usedDisk * 0.45)

/** The archive is there, and what the retention does not keep is gone. */
function written(call: Call, startedAt: number): string {
  const node = nodeHere(call)
  const storage = storageNamed(call, text(call, 'storage') ?? 'local')
  const guest = call.world.guest(integer(call, 'vmid') ?? 0)
  if (guest === undefined) throw new ApiError(500, 'job errors')
  const format = guest.kind === 'lxc' ? 'tar.zst' : 'vma.zst'
  const archive: Volume = {
    volid: `${storage.name}:backup/vzdump-${guest.kind}-${guest.vmid}-${stamp(startedAt)}.${format}`,
    content: 'backup',
    format,
    size: archiveSize(guest),
    ctime: seconds(startedAt),
    vmid: guest.vmid,
    notes: notesOf(call, guest),
    holds: { ...guest, lock: undefined, snapshots: [] },
  }
  const all = [...volumesOf(storage, node), archive]
  const retention =
    text(call, 'remove') === '0' ? '' : (text(call, 'prune-backups') ?? storage.options?.['prune-backups'])
  const gone = markedFor(
    all.filter((volume) => isOf(guest, volume)),
    retention ?? '',
  ).filter(({ mark }) => mark === 'remove')
  putVolumes(
    call.world,
    { storage, node: node.name },
    all.filter((volume) => !gone.some((one) => one.volume === volume)),
  )
  return `backed up to ${archive.volid}${gone.length === 0 ? '' : `, ${gone.length} pruned`}`
}

const isOf = ({ vmid, kind }: Pick<Guest, 'vmid' | 'kind'>, volume: Volume): boolean =>
  volume.content === 'backup' && volume.vmid === vmid && volume.volid.includes(`vzdump-${kind}-`)

/** `2026_11_21-03_47_57` */
const stamp = (at: number): string =>
  new Date(at).toISOString().slice(0, 19).replaceAll('-', '_').replace('T', '-').replaceAll(':', '_')

function notesOf(call: Call, { name, vmid, node }: Guest): string | undefined {
  const known: Readonly<Record<string, string>> = {
    guestname: name,
    vmid: String(vmid),
    node,
    cluster: call.world.name,
  }
  return text(call, 'notes-template')?.replace(/\{\{(\w+)\}\}/g, (whole, key: string) => known[key] ?? whole)
}

/** What a retention would do, and does not. */
function tried(call: Call) {
  const storage = storageNamed(call, text(call, 'storage') ?? '')
  const vmid = integer(call, 'vmid')
  const type = text(call, 'type')
  const all = volumesOf(storage, nodeHere(call)).filter(
    (volume) =>
      volume.content === 'backup' &&
      (vmid === undefined || volume.vmid === vmid) &&
      (type === undefined || volume.volid.includes(`vzdump-${type}-`)),
  )
  const retention = text(call, 'prune-backups') ?? storage.options?.['prune-backups'] ?? ''
  const groups = Map.groupBy(all, ({ volid }) => /vzdump-\w+-\d+/.exec(volid)?.[0])
  return [...groups.values()].flatMap((group) =>
    markedFor(group, retention).map(({ volume: { volid, ctime, vmid: of }, mark }) => {
      const kind = /vzdump-(lxc|qemu)-/.exec(volid)?.[1] ?? 'unknown'
      return { volid, ctime, vmid: of, type: kind, mark }
    }),
  )
}

/** The configuration in an archive, as text. */
function configIn(call: Call): string {
  const volid = text(call, 'volume')
  if (volid === undefined) throw badParameters({ volume: 'property is missing and it is not optional' })
  const archive = archiveNamed(call, volid)
  requirePrivilege(call, `/storage/${volid.split(':')[0]}`, 'Datastore.AllocateSpace')
  requirePrivilege(call, `/vms/${archive.vmid}`, 'VM.Backup')
  const guest = archive.holds ?? call.world.guest(archive.vmid ?? 0)
  if (guest === undefined) throw new ApiError(500, `unable to read configuration of '${volid}'`)
  const { digest: _, lock: __, ...config } = configOf(guest)
  const lines = Object.entries(config).flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}`]))
  return `${lines.join('\n')}\n`
}

/** A backup by its volid, as the node of the call sees it. @throws ApiError */
export function archiveNamed(call: Call, volid: string): Volume {
  const storage = storageNamed(call, volid.split(':')[0] ?? '')
  const found = volumesOf(storage, nodeHere(call)).find((volume) => volume.volid === volid)
  if (found === undefined) throw new ApiError(500, `volume '${volid}' does not exist`)
  return found
}

import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { get, type Outcome, post, type Request } from '../core/operation.ts'
import type { Plan, Step } from '../core/plan.ts'
import { askProxmox, lastPart, nodesToAsk } from '../core/proxmox-ask.ts'
import { guestPath } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { type ClusterResources, clusterResources, resourcesReply } from '../formats/proxmox-resources.ts'
import { snapshotsOf, snapshotsReply } from '../formats/proxmox-snapshots.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { type Archive, type ArchiveName, archiveName, archiveOn, nodesWith } from '../guests/archive.ts'
import { type GuestNow, guestNow, refusal, requireQuorum } from '../guests/guest-now.ts'
import { startStep } from '../guests/new-guest-steps.ts'
import { freeVmid, vmidSchema } from '../guests/next-id.ts'
import { type NodeStorage, storageFor, storagesOf } from '../guests/placement.ts'
import { taskEnd } from '../guests/task-end.ts'

const restoreMs = 4 * 3_600_000
const settledWithinMs = 15_000

export default defineTool({
  name: 'proxmox_restore',
  description: 'Restore a backup as a new guest, or with overwrite over the stopped guest vmid, whose disks are lost.',
  capability: 'proxmox:admin',
  risk: 'destructive',
  riskOf: ({ overwrite }) => (overwrite ? 'destructive' : 'write'),
  targets: ['proxmox'],
  input: z.object({
    archive: z.string().min(1).max(255).describe('volid of the backup'),
    vmid: vmidSchema.optional(),
    storage: z.string().min(1).max(100).optional().describe('for its disks'),
    node: z.string().min(1).max(100).optional(),
    overwrite: z.boolean().default(false),
    start: z.boolean().default(false),
  }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    node: z.string(),
    status: z.string(),
    task: z.string().optional().describe('how it ended'),
    note: z.string().optional(),
  }),
  async plan(input, context) {
    const named = archiveName(input.archive)
    if (input.overwrite && input.vmid === undefined)
      throw refusal('overwrite needs the vmid of the guest that shall be replaced', 'say vmid, or leave out overwrite')
    const over = input.overwrite ? await replaced(context, named, Number(input.vmid)) : undefined
    const cluster =
      over?.guest.cluster ?? clusterResources(await askProxmox(context, '/cluster/resources', resourcesReply))
    const node = await nodeFor(context, { cluster, named, over: over?.guest, wanted: input.node })
    if (over === undefined) await requireQuorum(context, `cannot restore ${named.volid}`)
    const archive = await archiveOn(context, node, named)
    const storage = chosenStorage(context, await storagesOf(context, node), { archive, node, input })
    const vmid = over?.guest.vmid ?? (await freeVmid(context, cluster.guests, input.vmid))
    return planOf(context, { archive, vmid, node, storage, over, start: input.start, cluster })
  },
  report({ basis, steps }: Plan, outcomes: readonly Outcome[]) {
    const { guest, vmid, node, address } = basis
    return withoutEmpty({
      guest: String(guest),
      vmid: Number(vmid),
      node: String(node),
      status: steps.length > 1 ? 'running' : 'stopped',
      task: taskEnd(outcomes[0]),
      note: typeof address === 'string' ? address : undefined,
    })
  },
})

/** A guest that an archive replaces, and its snapshots, which go with it. */
interface Replaced {
  readonly guest: GuestNow
  readonly snapshots: readonly string[]
  readonly digest: string
}

/** @throws GatewayError as guestNow; invalid_input: it runs, is protected, or is of the other kind */
async function replaced(context: Context, { kind }: ArchiveName, vmid: number): Promise<Replaced> {
  const guest = await guestNow(context, String(vmid), { to: 'restore over', needsQuorum: true })
  const { title } = guest
  if (guest.kind !== kind)
    throw refusal(
      `cannot restore over ${title}: the backup is of a ${kind === 'lxc' ? 'container' : 'VM'}, which it is not`,
      'leave out vmid and overwrite: it becomes a new guest',
    )
  if (guest.status !== 'stopped')
    throw refusal(
      `cannot restore over ${title}: it is ${guest.status}`,
      'shut it down first, with proxmox_manage_guest',
    )
  const config = await askProxmox(context, `${guestPath(guest)}/config`, guestConfigReply)
  if (config['protection'] === '1')
    throw refusal(
      `cannot restore over ${title}: it is protected`,
      'restore to a new vmid, or take protection off first if it shall be lost',
    )
  const { snapshots } = snapshotsOf(await askProxmox(context, `${guestPath(guest)}/snapshot`, snapshotsReply))
  return { guest, snapshots: snapshots.map(({ name }) => name), digest: config['digest'] ?? '' }
}

interface Where {
  readonly cluster: ClusterResources
  readonly named: ArchiveName
  readonly over: GuestNow | undefined
  readonly wanted: string | undefined
}

/** Where the replaced guest is; else the wanted node, that of the guest which the backup is of, the default, or any that sees the archive. */
async function nodeFor(context: Context, { cluster, named, over, wanted }: Where): Promise<string> {
  const seeing = nodesWith(cluster, named.storage)
  const fixed = over?.node ?? (wanted === undefined ? undefined : (await nodesToAsk(context, wanted)).online[0])
  if (over !== undefined && wanted !== undefined && lastPart(wanted) !== over.node)
    throw refusal(`${over.title} is on ${over.node}, not on ${lastPart(wanted)}`, 'leave out node')
  if (fixed !== undefined && !seeing.includes(fixed))
    throw refusal(
      `storage ${named.storage} of the backup is not available on ${fixed}`,
      `it is on ${seeing.join(', ')}; copy the backup, or restore there`,
    )
  const home = cluster.guests.find(({ vmid }) => vmid === named.vmid)?.node
  const preferred = [fixed, home, context.target.defaults?.node].find(
    (one) => one !== undefined && seeing.includes(one),
  )
  return preferred ?? seeing[0] ?? named.storage
}

interface Choice {
  readonly archive: Archive
  readonly node: string
  readonly input: { readonly storage?: string | undefined; readonly overwrite: boolean }
}

/** The wanted storage; else the one that its disks were on; disks of a VM that were on several go back to each. @throws GatewayError as storageFor */
function chosenStorage(context: Context, storages: readonly NodeStorage[], choice: Choice): string | undefined {
  const { archive, node, input } = choice
  const content = archive.kind === 'lxc' ? 'rootdir' : 'images'
  const were = [...new Set(archive.disks.map(({ storage }) => storage))]
  const stillThere = were.filter((name) =>
    storages.some((one) => one.storage === name && one.isActive && one.content.includes(content)),
  )
  const isSplit = archive.kind === 'qemu' && were.length > 1 && stillThere.length === were.length
  if (input.storage === undefined && isSplit) return undefined
  const [same] = were.length === 1 ? stillThere : []
  // Its disks take at least as much as the archive; those that it replaces make room only then.
  const gib = input.overwrite ? 0 : Math.ceil(((archive.volume.size ?? 0) / 2 ** 30) * 10) / 10
  return storageFor(context, storages, { node, storage: input.storage ?? same, content, gib }).storage
}

interface Restore {
  readonly archive: Archive
  readonly vmid: number
  readonly node: string
  readonly storage: string | undefined
  readonly over: Replaced | undefined
  readonly start: boolean
  readonly cluster: ClusterResources
}

function planOf({ target }: Context, restore: Restore): Plan {
  const { archive, vmid, node, storage, over, start, cluster } = restore
  const { kind, volid, volume, name } = archive
  const made =
    volume.ctime === undefined
      ? ''
      : ` of ${new Date(volume.ctime * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const to =
    over === undefined
      ? `as new ${kind} ${vmid} on ${node} of ${target.id}`
      : `over ${over.guest.title} on ${node} of ${target.id}`
  const lost = over === undefined ? '' : '; its disks, snapshots and all since are lost'
  const place = storage === undefined ? ', disks where they were' : `, disks on ${storage}`
  const address = conflict(restore, cluster)
  return {
    summary: `restore the backup${made} of ${name || kind} (${archive.vmid}) ${to}${place}${start ? ', and start it' : ''}${lost}`,
    basis: {
      ...(over === undefined ? { cluster: target.id } : { ...over.guest.basis, digest: over.digest }),
      archive: volid,
      made: volume.ctime ?? 0,
      guest: name || `${kind} ${vmid}`,
      vmid,
      node,
      storage: storage ?? 'as before',
      ...(over && { snapshots: over.snapshots }),
      ...(address !== undefined && { address }),
    },
    steps: stepsOf(restore),
    preview: [
      over && over.snapshots.length > 0 ? `lost: snapshots ${over.snapshots.join(', ')}` : '',
      over === undefined ? 'its network cards get hardware addresses of their own' : '',
      address ?? '',
    ]
      .filter((line) => line !== '')
      .join('\n'),
  }
}

/** A fixed address in the archive that belongs to the guest which it is of. */
function conflict({ archive, vmid }: Restore, { guests }: ClusterResources): string | undefined {
  const other = guests.find((guest) => guest.vmid === archive.vmid && guest.vmid !== vmid)
  if (archive.address === undefined || other === undefined) return undefined
  return `its fixed address ${archive.address} is that of ${other.name ?? other.kind} (${other.vmid}) too: change one before both run`
}

function stepsOf({ archive, vmid, node, storage, over, start }: Restore): readonly Step[] {
  const { kind, volid } = archive
  const guest = { vmid, node, kind }
  const source = kind === 'lxc' ? { ostemplate: volid, restore: true } : { archive: volid }
  const how = over === undefined ? { unique: true } : { force: true }
  const body = { vmid, ...source, ...(storage !== undefined && { storage }), ...how }
  const request: Request = post(`/nodes/${encodeURIComponent(node)}/${kind}`, body)
  // What was restored stays, even when it does not start: it is what was asked for, and may have taken hours.
  const restored: Step = {
    do: { ...request, timeoutMs: restoreMs },
    until: {
      read: get(`${guestPath(guest)}/status/current`),
      path: 'body.data.status',
      equals: 'stopped',
      withinMs: settledWithinMs,
    },
  }
  return start ? [restored, startStep(guest)] : [restored]
}

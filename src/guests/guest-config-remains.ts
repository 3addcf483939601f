import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { askAllowed } from '../core/proxmox-ask.ts'
import type { GuestDisk } from './guest-config-disks.ts'
import type { GuestNow } from './guest-now.ts'

type Reader = Pick<Context, 'read'>

/** What stays of a guest when it is deleted, and what else names it; `notRead` tells what could not be looked at. */
export interface Remains {
  /** Its backups: `{storage: 'nas', count: 2, newest: 1795232877}`, newest in seconds since 1970. */
  readonly backups: readonly { readonly storage: string; readonly count: number; readonly newest: number }[]
  /** `backup job daily`, `replication 101-0 to pve2`, `HA ct:101` */
  readonly namedBy: readonly string[]
  readonly notRead: readonly string[]
}

const volumesReply = z.array(
  z.object({
    volid: z.string(),
    vmid: z.coerce.number().optional(),
    ctime: z.coerce.number().optional(),
    parent: z.string().nullish(),
  }),
)
const jobsReply = z.array(z.object({ id: z.string(), vmid: z.coerce.string().optional() }))
const replicationReply = z.array(z.object({ id: z.string(), guest: z.coerce.number(), target: z.string() }))
const haReply = z.array(z.object({ sid: z.string() }))

/** Looks for them; a right that is missing, or a storage that is not active, hides some and fails nothing. */
export async function remainsOf(context: Reader, guest: GuestNow): Promise<Remains> {
  const { vmid, kind, node, cluster } = guest
  const sid = `${kind === 'lxc' ? 'ct' : 'vm'}:${vmid}`
  const places = cluster.storages.filter((row) => row.node === node && row.content.includes('backup'))
  const listed = await Promise.all(
    places.map(async ({ storage }) => ({
      storage,
      all: await volumesOn(context, guest, storage, `?content=backup&vmid=${vmid}`),
    })),
  )
  const [jobs, replication, ha] = await Promise.all([
    askOrWhy(context, '/cluster/backup', jobsReply),
    askOrWhy(context, '/cluster/replication', replicationReply),
    askOrWhy(context, '/cluster/ha/resources', haReply),
  ])
  const isNamed = (list: string | undefined) => (list ?? '').split(/[,;\s]+/).includes(String(vmid))
  return {
    backups: listed.flatMap(({ storage, all }) => {
      const own = typeof all === 'string' ? [] : all.filter((volume) => volume.vmid === vmid)
      const newest = Math.max(0, ...own.map(({ ctime = 0 }) => ctime))
      return own.length === 0 ? [] : [{ storage, count: own.length, newest }]
    }),
    namedBy: [
      ...read(jobs).flatMap((job) => (isNamed(job.vmid) ? [`backup job ${job.id}`] : [])),
      ...read(replication).flatMap(({ id, guest: of, target }) =>
        of === vmid ? [`replication ${id} to ${target}`] : [],
      ),
      ...read(ha).flatMap((one) => (one.sid === sid ? [`HA ${sid}`] : [])),
    ],
    notRead: [
      ...listed.flatMap(({ all }) => (typeof all === 'string' ? [`backups: ${all}`] : [])),
      ...[jobs, replication, ha].flatMap((one) => (typeof one === 'string' ? [one] : [])),
    ],
  }
}

/** Guests whose disks stand on those of a template: `202 (local-zfs:base-201-disk-0/vm-202-disk-0)`; a text when nobody can tell. */
export async function linkedClones(
  context: Reader,
  guest: GuestNow,
  disks: readonly GuestDisk[],
): Promise<readonly string[] | string> {
  const storages = [...new Set(disks.flatMap(({ storage }) => (storage === undefined ? [] : [storage])))]
  const listed = await Promise.all(storages.map((storage) => volumesOn(context, guest, storage)))
  const failed = listed.find((one) => typeof one === 'string')
  if (typeof failed === 'string') return failed
  const base = new RegExp(`(^|[:/])base(vol)?-${guest.vmid}-`)
  return listed
    .flatMap((all) => (typeof all === 'string' ? [] : all))
    .filter(({ vmid, volid, parent }) => vmid !== guest.vmid && (base.test(volid) || base.test(parent ?? '')))
    .map(({ vmid, volid }) => `${vmid ?? 'unknown'} (${volid})`)
}

const volumesOn = (context: Reader, { node }: GuestNow, storage: string, query = '') =>
  askOrWhy(
    context,
    `/nodes/${encodeURIComponent(node)}/storage/${encodeURIComponent(storage)}/content${query}`,
    volumesReply,
  )

/** What was asked for, or in a sentence why there is no answer. @throws GatewayError cancelled */
async function askOrWhy<S extends z.ZodType>(context: Reader, path: string, schema: S): Promise<z.output<S> | string> {
  try {
    const found = await askAllowed(context, path, schema)
    return found instanceof GatewayError ? found.message : found
  } catch (error) {
    const failure = GatewayError.from(error)
    if (failure.code === 'cancelled') throw failure
    return failure.message
  }
}

const read = <T>(found: readonly T[] | string): readonly T[] => (typeof found === 'string' ? [] : found)

import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { askProxmox, lastPart } from '../core/proxmox-ask.ts'
import { contentReply } from '../formats/proxmox-inventory.ts'
import { inUnits, newestFirst, type Volume } from '../formats/proxmox-volumes.ts'
import { type GuestNow, refusal } from './guest-now.ts'
import { type NodeStorage, storageNamed, storagesOf } from './placement.ts'

/** Where the backups of one guest on a storage are listed. */
export const backupsPath = (node: string, storage: string, vmid: number): string =>
  `${storagePath(node, storage)}/content?content=backup&vmid=${vmid}`

const storagePath = (node: string, storage: string): string =>
  `/nodes/${encodeURIComponent(node)}/storage/${encodeURIComponent(storage)}`

/** The backups of a guest on a storage, newest first. @throws GatewayError as proxmoxData */
export const backupsOf = async (
  context: Pick<Context, 'read'>,
  { node, vmid }: Pick<GuestNow, 'node' | 'vmid'>,
  storage: string,
): Promise<readonly Volume[]> => newestFirst(await askProxmox(context, backupsPath(node, storage, vmid), contentReply))

/**
 * The storage of a new backup: the wanted one, the cluster's default if it takes backups, or the only one that does.
 * @throws GatewayError not_found, invalid_input; as proxmoxData
 */
export async function backupStorage(
  context: Pick<Context, 'read' | 'target'>,
  { node }: Pick<GuestNow, 'node'>,
  wanted: string | undefined,
): Promise<NodeStorage> {
  const all = await storagesOf(context, node)
  const fitting = all.filter(({ content, isActive }) => content.includes('backup') && isActive)
  const known = fitting.map(
    ({ storage, free }) => `${storage}${free === undefined ? '' : ` (${inUnits(free, 2 ** 30)} GiB free)`}`,
  )
  const there =
    known.length === 0
      ? `no storage on ${node} that the token may see takes backups: switch content backup on for one`
      : `for backups on ${node}: ${known.join(', ')}`
  if (wanted !== undefined) {
    const found = storageNamed(all, lastPart(wanted), { node })
    if (fitting.includes(found)) return found
    const why = found.isActive ? 'takes no backups' : `is not available on ${node}`
    throw refusal(`storage ${found.storage} ${why}`, there)
  }
  const [only, another] = fitting
  const chosen =
    another === undefined ? only : fitting.find(({ storage }) => storage === context.target.defaults?.storage)
  if (chosen !== undefined) return chosen
  throw refusal(
    another === undefined ? `there is no place for a backup` : 'which storage shall the backup go to?',
    there,
  )
}

/** A rough look: a backup takes about as much as the last one. Proxmox Backup Server keeps only what is new. @throws GatewayError invalid_input */
export function requireRoom({ storage, type, free }: NodeStorage, last: Volume | undefined, title: string): void {
  const { size = 0 } = last ?? {}
  if (free === undefined || type === 'pbs' || free > size) return
  throw refusal(
    `storage ${storage} has ${inUnits(free, 2 ** 30)} GiB free: too little for a backup of ${title}${size === 0 ? '' : ` (the last one took ${inUnits(size, 2 ** 30)} GiB)`}`,
    'make room, or take another storage; old backups are removed only after the new one is written',
  )
}

const pruneReply = z.array(z.object({ volid: z.string(), mark: z.string() }))

/** The backups that go when one more is made and only the newest so many are kept. The try of Proxmox VE does not count the new one. @throws GatewayError as proxmoxData */
export async function goneWith(
  context: Pick<Context, 'read'>,
  { node, vmid, kind }: Pick<GuestNow, 'node' | 'vmid' | 'kind'>,
  { storage, keepLast }: { readonly storage: string; readonly keepLast: number },
): Promise<readonly string[]> {
  const tried = new URLSearchParams({
    vmid: String(vmid),
    type: kind,
    'prune-backups': `keep-last=${Math.max(1, keepLast - 1)}`,
  })
  const marked = await askProxmox(context, `${storagePath(node, storage)}/prunebackups?${tried}`, pruneReply)
  const goes = keepLast === 1 ? ['remove', 'keep'] : ['remove']
  return marked.flatMap(({ volid, mark }) => (goes.includes(mark) ? [volid] : [])).toSorted()
}

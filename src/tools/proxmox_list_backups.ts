import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { get } from '../core/operation.ts'
import { askEach, askProxmox, blindNote, lastPart } from '../core/proxmox-ask.ts'
import { guestNamed } from '../core/proxmox-guest.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { contentReply, notBackedUpReply } from '../formats/proxmox-inventory.ts'
import { clusterResources, type GuestRow, resourcesReply, type StorageRow } from '../formats/proxmox-resources.ts'
import { backupsByGuest, inUnits } from '../formats/proxmox-volumes.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'proxmox_list_backups',
  description: 'Backups of Proxmox guests per storage (newest, count, size), and the guests that have none.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().max(100).optional().describe('vmid or name'),
    storage: z.string().max(100).optional(),
    limit: z.number().int().min(1).max(500).default(100),
  }),
  output: z.object({
    backups: z.array(
      z.object({
        vmid: z.number(),
        name: z.string().optional(),
        storage: z.string(),
        newest: z.string(),
        count: z.number(),
        total_gib: z.number().optional(),
      }),
    ),
    more: z.number().optional().describe('left out'),
    without_backup: z.string().optional(),
    in_no_job: z.string().optional(),
    not_read: z.string().optional(),
    note: z.string().optional(),
  }),
  async run({ guest, storage, limit }, context) {
    const known = clusterResources(await askProxmox(context, '/cluster/resources', resourcesReply))
    const vmid = guest === undefined ? undefined : vmidOf(known.guests, guest, context.target.id)
    const places = placesOf(known.storages, storage === undefined ? undefined : lastPart(storage))
    const asked = await askEach(places.online, nameOf, (place) => volumesOf(context, place, vmid))
    const rows = backupsByGuest(asked.found.flatMap(({ of, value }) => value.map((one) => [of.storage, one] as const)))
    const names = new Map(known.guests.map(({ vmid: number, name }) => [number, name]))
    const wanted = known.guests.filter((one) => one.template !== true && (vmid === undefined || one.vmid === vmid))
    const notRead = [...places.offline, ...asked.notRead]
    const bare = wanted.filter((one) => !rows.some((row) => row.vmid === one.vmid)).map(({ vmid: number }) => number)
    const isBlind = places.online.length === 0 && places.offline.length === 0
    return withoutEmpty({
      backups: withoutEmptyColumns(
        rows.slice(0, limit).map((row) => ({
          vmid: row.vmid,
          name: names.get(row.vmid) ?? '',
          storage: row.storage,
          newest: row.newest === 0 ? 'unknown' : ageOf(new Date(row.newest * 1000), context.now),
          count: row.count,
          total_gib: inUnits(row.bytes, 2 ** 30),
        })),
      ),
      more: rows.length > limit ? rows.length - limit : undefined,
      // With a storage unread or unseen, nobody can say who has none.
      without_backup: isBlind
        ? undefined
        : listOf(bare, names) + (notRead.length > 0 && bare.length > 0 ? ' (as far as read)' : ''),
      in_no_job: await jobless(context, wanted),
      not_read: notRead.join('; '),
      note: noteOf(isBlind, rows.length),
    })
  },
})

const nameOf = ({ storage, node, shared }: StorageRow): string => (shared ? storage : `${storage} on ${node}`)

function noteOf(isBlind: boolean, count: number): string | undefined {
  if (isBlind) return blindNote('storages for backups', 'Datastore.Audit on /storage')
  return count === 0 ? 'a token sees backups of a guest only with VM.Audit or VM.Backup on it' : undefined
}

/** A number that a guest can have is taken as it is: backups outlive their guest. */
function vmidOf(guests: readonly GuestRow[], guest: string, cluster: string): number {
  const wanted = lastPart(guest)
  return /^[1-9]\d{2,8}$/.test(wanted) ? Number(wanted) : guestNamed(guests, guest, cluster).vmid
}

/** Each storage that holds backups once: a shared one on any node where it is available. */
function placesOf(all: readonly StorageRow[], wanted: string | undefined) {
  const holding = all.filter(
    ({ content, storage }) => content.includes('backup') && (wanted === undefined || storage === wanted),
  )
  const online = new Map<string, StorageRow>()
  for (const row of holding) if (row.status === 'available' && !online.has(nameOf(row))) online.set(nameOf(row), row)
  const offline = holding.filter((row) => !online.has(nameOf(row)))
  return {
    online: [...online.values()],
    offline: [...new Set(offline.map((row) => `${nameOf(row)}: ${row.status}`))],
  }
}

function volumesOf(context: Context, { storage, node }: StorageRow, vmid: number | undefined) {
  const path = `/nodes/${encodeURIComponent(node)}/storage/${encodeURIComponent(storage)}/content`
  return askProxmox(context, `${path}?content=backup${vmid === undefined ? '' : `&vmid=${vmid}`}`, contentReply)
}

/** Guests that no backup job covers; undefined where the token may not ask, or the version does not know. */
async function jobless({ read }: Context, wanted: readonly GuestRow[]): Promise<string | undefined> {
  const outcome = await read(get('/cluster/backup-info/not-backed-up'))
  if (!outcome.ok) return 'not measured (needs Sys.Audit on /)'
  const bare = proxmoxData(outcome, notBackedUpReply, 'the list of guests without a backup job')
  const vmids = new Set(bare.map(({ vmid }) => vmid))
  const found = wanted.filter(({ vmid }) => vmids.has(vmid))
  return listOf(
    found.map(({ vmid }) => vmid),
    new Map(found.map(({ vmid, name }) => [vmid, name])),
  )
}

const mostNamed = 40

function listOf(vmids: readonly number[], names: ReadonlyMap<number, string | undefined>): string {
  const named = vmids.slice(0, mostNamed).map((vmid) => `${vmid} ${names.get(vmid) ?? ''}`.trim())
  const rest = vmids.length - named.length
  return named.join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}

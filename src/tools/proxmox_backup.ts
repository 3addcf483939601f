import { z } from 'zod'
import { get, type Outcome, post } from '../core/operation.ts'
import type { Plan } from '../core/plan.ts'
import { guestRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { contentReply } from '../formats/proxmox-inventory.ts'
import { inUnits, newestFirst } from '../formats/proxmox-volumes.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { backupStorage, backupsOf, backupsPath, goneWith, requireRoom } from '../guests/backups.ts'
import { type GuestNow, guestNow, refusal } from '../guests/guest-now.ts'
import { taskEnd } from '../guests/task-end.ts'
import { type Json, parseJson } from '../lib/json.ts'

const backupMs = 2 * 3_600_000

export default defineTool({
  name: 'proxmox_backup',
  description: 'Back up a VM or container with vzdump. Older backups stay, unless keep_last is given.',
  capability: 'proxmox:admin',
  risk: 'destructive',
  riskOf: ({ keep_last }) => (keep_last === undefined ? 'write' : 'destructive'),
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().min(1).max(100).describe(guestRule),
    storage: z.string().min(1).max(100).optional(),
    mode: z.enum(['snapshot', 'suspend', 'stop']).default('snapshot'),
    keep_last: z.number().int().min(1).max(1000).optional().describe('remove all but so many'),
    notes: z.string().max(500).optional(),
  }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    backup: z.string().optional().describe('volid'),
    size_mib: z.number().optional(),
    removed: z.number().optional(),
    task: z.string().optional().describe('how it ended'),
    note: z.string().optional(),
  }),
  async plan({ guest: wanted, storage: named, mode, keep_last, notes }, context) {
    const guest = await guestNow(context, wanted, { to: 'back up', needsQuorum: true })
    const { kind, vmid, node, name } = guest
    if (mode === 'stop' && guest.isManaged)
      throw refusal(
        `cannot back up ${guest.title} in mode stop: the HA manager keeps it`,
        'take mode snapshot, or let HA release it first',
      )
    const store = await backupStorage(context, guest, named)
    const { storage } = store
    const [last] = await backupsOf(context, guest, storage)
    requireRoom(store, last, guest.title)
    const goes = keep_last === undefined ? [] : await goneWith(context, guest, { storage, keepLast: keep_last })
    const retention = keep_last === undefined ? { remove: false } : { 'prune-backups': `keep-last=${keep_last}` }
    const body = { vmid, storage, mode, compress: 'zstd', 'notes-template': templateOf(notes), ...retention }
    const older = goes.length === 1 ? '1 older backup' : `${goes.length} older backups`
    const removes = keep_last === undefined ? '' : `, then remove ${older} (keep_last ${keep_last})`
    return {
      summary: `back up ${name} (${kind} ${vmid} on ${node} of ${context.target.id}) to ${storage}${pause(guest, mode)}${removes}`,
      basis: { ...guest.basis, storage, newest: last?.volid ?? 'none', removes: goes },
      steps: [
        { do: { ...post(`/nodes/${encodeURIComponent(node)}/vzdump`, body), timeoutMs: backupMs } },
        { do: get(backupsPath(node, storage, vmid)) },
      ],
      preview: goes.length === 0 ? undefined : `removed for good:\n${goes.join('\n')}`,
    }
  },
  report({ basis }: Plan, [made, listed]: readonly Outcome[]) {
    const { newest, storage, name, vmid } = basis
    const volumes = volumesIn(listed)
    const [first] = newestFirst(volumes)
    const fresh = first?.volid === newest ? undefined : first
    return withoutEmpty({
      guest: String(name),
      vmid: Number(vmid),
      backup: fresh?.volid,
      size_mib: inUnits(fresh?.size, 2 ** 20),
      removed: goneOf(basis['removes'], volumes),
      task: taskEnd(made),
      note: fresh === undefined ? `no new backup is listed on ${storage}: look at proxmox_list_backups` : undefined,
    })
  },
  reportFailure({ basis }: Plan, [made]: readonly Outcome[]) {
    if (made?.ok !== true) return undefined
    return {
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      note: `its task ended well, but storage ${basis['storage']} cannot be read: look at proxmox_list_backups`,
    }
  },
})

/** What a running guest feels of it. */
function pause({ status }: GuestNow, mode: 'snapshot' | 'suspend' | 'stop'): string {
  if (status === 'stopped' || mode === 'snapshot') return ''
  return mode === 'stop' ? '; it is shut down and started again for it' : '; it is suspended meanwhile'
}

/** Notes as vzdump takes them: a template on one line. Source: the option notes-template, vzdump(1). */
const templateOf = (notes: string | undefined): string =>
  notes === undefined ? '{{guestname}}' : notes.replaceAll('\\', '\\\\').replace(/\r?\n/g, '\\n')

const listReply = z.object({ data: contentReply })

function volumesIn(listed: Outcome | undefined): z.output<typeof contentReply> {
  const parsed = listReply.safeParse(parseJson(listed?.output ?? ''))
  return parsed.success ? parsed.data.data : []
}

/** How many of those that should go are gone. */
function goneOf(removes: Json | undefined, left: z.output<typeof contentReply>): number | undefined {
  if (!Array.isArray(removes) || removes.length === 0) return undefined
  return removes.filter((gone) => !left.some(({ volid }) => volid === gone)).length
}

import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { get, type Outcome, post } from '../core/operation.ts'
import type { Plan } from '../core/plan.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestPath, guestRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { snapshotsOf, snapshotsReply } from '../formats/proxmox-snapshots.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { diskTitle, type GuestDisk, guestDisks } from '../guests/guest-config-disks.ts'
import { type GuestNow, guestNow, refusal } from '../guests/guest-now.ts'
import { taskEnd } from '../guests/task-end.ts'

const convertTimeoutMs = 10 * 60_000
/** For a container the API answers before its task has ended, and names none. */
const becomesWithinMs = 5 * 60_000

export default defineTool({
  name: 'proxmox_convert_template',
  description: 'Make a stopped VM or container a template to clone from; there is no way back.',
  capability: 'proxmox:admin',
  risk: 'destructive',
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({ guest: z.string().min(1).max(100).describe(guestRule) }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    template: z.boolean(),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan({ guest: wanted }, context) {
    const guest = await guestNow(context, wanted, { to: 'make a template of', needsQuorum: true })
    const { title, name, kind, vmid, node, basis } = guest
    if (guest.isTemplate) return { summary: `${title} is a template already`, basis, steps: [] }
    requireRest(guest)
    await requireNoSnapshots(context, guest)
    const config = await askProxmox(context, `${guestPath(guest)}/config`, guestConfigReply)
    const disks = guestDisks(config).filter(({ isMedia }) => !isMedia)
    if (kind === 'lxc') requireTemplateStorage(guest, disks)
    const read = get(`${guestPath(guest)}/status/current`)
    return {
      summary: `make ${name} (${kind} ${vmid} on ${node} of ${context.target.id}) a template; it never starts again, and there is no way back`,
      basis: { ...basis, digest: config['digest'] ?? '' },
      steps: [
        {
          do: { ...post(`${guestPath(guest)}/template`), timeoutMs: convertTimeoutMs },
          until: { read, path: 'body.data.template', equals: 1, withinMs: becomesWithinMs },
        },
      ],
      preview: ['its disks can only be read then:', ...disks.map(diskTitle)].join('\n'),
    }
  },
  report({ basis }: Plan, outcomes: readonly Outcome[]) {
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      template: true,
      task: taskEnd(outcomes[0]),
    })
  },
})

function requireRest({ title, status, isManaged, kind, vmid }: GuestNow): void {
  if (status !== 'stopped') throw refusal(`cannot make a template of ${title}: it is ${status}`, 'shut it down first')
  if (isManaged)
    throw refusal(
      `cannot make a template of ${title}: its HA manager would start it`,
      `take it out of HA first: ha-manager remove ${kind === 'lxc' ? 'ct' : 'vm'}:${vmid}`,
    )
}

async function requireNoSnapshots(context: Pick<Context, 'read'>, guest: GuestNow): Promise<void> {
  const { snapshots } = snapshotsOf(await askProxmox(context, `${guestPath(guest)}/snapshot`, snapshotsReply))
  if (snapshots.length === 0) return
  const names = snapshots.map(({ name }) => name).join(', ')
  throw refusal(`cannot make a template of ${guest.title}: it has snapshots: ${names}`, 'delete them first')
}

/** Source: PVE::API2::LXC template, which refuses storages that are directories. */
function requireTemplateStorage({ title, node, cluster }: GuestNow, disks: readonly GuestDisk[]): void {
  for (const { key, storage, volume } of disks) {
    const type = cluster.storages.find((row) => row.storage === storage && row.node === node)?.type
    if (type === undefined || !['dir', 'nfs', 'cifs', 'cephfs', 'glusterfs'].includes(type)) continue
    throw refusal(
      `cannot make a template of ${title}: ${key} ${volume} lies in a directory (${type})`,
      'move it to block storage or ZFS first',
    )
  }
}

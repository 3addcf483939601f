import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { get, type Outcome } from '../core/operation.ts'
import type { Plan } from '../core/plan.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestPath, guestRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { snapshotsOf, snapshotsReply } from '../formats/proxmox-snapshots.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { diskTitle, type GuestDisk, guestDisks, sizeText } from '../guests/guest-config-disks.ts'
import { linkedClones, type Remains, remainsOf } from '../guests/guest-config-remains.ts'
import { type GuestNow, guestNow, refusal } from '../guests/guest-now.ts'
import { taskEnd } from '../guests/task-end.ts'

const deleteTimeoutMs = 30 * 60_000
const goneWithinMs = 10_000

export default defineTool({
  name: 'proxmox_delete_guest',
  description:
    'Delete a stopped VM or container with its disks and snapshots; the plan shows what is lost and what stays.',
  capability: 'proxmox:admin',
  risk: 'destructive',
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({ guest: z.string().min(1).max(100).describe(guestRule) }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    deleted: z.boolean(),
    backups: z.number().describe('that are left'),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan({ guest: wanted }, context) {
    const guest = await guestNow(context, wanted, { to: 'delete', needsQuorum: true })
    const { name, kind, vmid, node } = guest
    const config = await askProxmox(context, `${guestPath(guest)}/config`, guestConfigReply)
    requireDeletable(guest, config)
    const disks = guestDisks(config)
    const own = disks.filter(({ storage, owner }) => storage !== undefined && owner === vmid)
    const clones = guest.isTemplate ? await requireNoClones(context, guest, own) : undefined
    const { snapshots } = snapshotsOf(await askProxmox(context, `${guestPath(guest)}/snapshot`, snapshotsReply))
    const remains = await remainsOf(context, guest)
    const backups = remains.backups.reduce((sum, { count }) => sum + count, 0)
    const names = snapshots.map((snapshot) => snapshot.name)
    const size = own.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0)
    const what = `${counted(own.length, 'disk')} (${sizeText(size)}) and ${counted(names.length, 'snapshot')}`
    const left = backups === 0 ? 'no backup of it is known' : `left: ${counted(backups, 'backup')}`
    return {
      summary: `delete ${name} (${kind} ${vmid} on ${node} of ${context.target.id}) with ${what} for ever; ${left}`,
      basis: {
        ...guest.basis,
        digest: config['digest'] ?? '',
        snapshots: names,
        backups,
        named_by: [...remains.namedBy],
      },
      steps: [
        {
          do: {
            kind: 'request',
            method: 'DELETE',
            path: guestPath(guest),
            body: { purge: true },
            timeoutMs: deleteTimeoutMs,
          },
          // Proxmox VE answers 500 for a guest that is not there.
          until: { read: get(`${guestPath(guest)}/config`), path: 'status', equals: 500, withinMs: goneWithinMs },
        },
      ],
      preview: previewOf({ guest, disks, own, names, remains, clones }, context.now),
    }
  },
  report({ basis }: Plan, outcomes: readonly Outcome[]) {
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      deleted: true,
      backups: Number(basis['backups']),
      task: taskEnd(outcomes[0]),
    })
  },
})

function requireDeletable(
  { title, status, isManaged, kind, vmid }: GuestNow,
  config: z.output<typeof guestConfigReply>,
): void {
  const cannot = `cannot delete ${title}`
  if (config['protection'] === '1')
    throw refusal(`${cannot}: it is protected`, 'proxmox_configure_guest takes that off with protection: false')
  if (isManaged)
    throw refusal(
      `${cannot}: its HA manager keeps it`,
      `take it out of HA first: ha-manager remove ${kind === 'lxc' ? 'ct' : 'vm'}:${vmid}`,
    )
  if (status !== 'stopped') throw refusal(`${cannot}: it is ${status}`, 'shut it down first, with proxmox_manage_guest')
}

/** Returns a line for the plan when nobody could look. @throws GatewayError invalid_input */
async function requireNoClones(
  context: Pick<Context, 'read'>,
  guest: GuestNow,
  disks: readonly GuestDisk[],
): Promise<string | undefined> {
  const clones = await linkedClones(context, guest, disks)
  if (typeof clones === 'string') return `linked clones could not be looked for: ${clones}`
  if (clones.length === 0) return undefined
  throw refusal(
    `cannot delete ${guest.title}: linked clones stand on its disks: ${clones.slice(0, 10).join(', ')}`,
    'delete them first, or make full clones of them',
  )
}

const counted = (count: number, what: string): string =>
  `${count === 0 ? 'no' : count} ${what}${count === 1 ? '' : 's'}`

interface Seen {
  readonly guest: GuestNow
  readonly disks: readonly GuestDisk[]
  readonly own: readonly GuestDisk[]
  readonly names: readonly string[]
  readonly remains: Remains
  readonly clones: string | undefined
}

function previewOf({ guest, disks, own, names, remains, clones }: Seen, now: Date): string {
  const kept = disks.filter((disk) => !own.includes(disk))
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)]
  return [
    `${guest.title}, ${guest.status}${guest.isTemplate ? ', a template' : ''}`,
    ...list('lost', [...own.map(diskTitle), ...names.map((name) => `snapshot ${name}`)]),
    ...list('stays', [
      ...kept.map(diskTitle),
      ...remains.backups.map(
        ({ storage, count, newest }) =>
          `${counted(count, 'backup')} on ${storage}, the newest ${ageOf(new Date(newest * 1000), now)} old`,
      ),
    ]),
    ...list('taken out of', remains.namedBy),
    ...list('not looked at', [...remains.notRead, ...(clones === undefined ? [] : [clones])]),
  ].join('\n')
}

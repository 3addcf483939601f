import { z } from 'zod'
import { get, type Outcome, post } from '../core/operation.ts'
import type { Plan, Step } from '../core/plan.ts'
import { askProxmox, lastPart, nodesToAsk } from '../core/proxmox-ask.ts'
import { guestPath, guestRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { type Move, type MoveNeeds, moveNeeds } from '../guests/guest-config-move.ts'
import { guestNow } from '../guests/guest-now.ts'
import { taskEnd } from '../guests/task-end.ts'

/** Disks are copied over the network: hours, for large ones. */
const migrateTimeoutMs = 4 * 3_600_000
const thereWithinMs = 30_000
/** Its HA manager begins when it is ready, and tells no task. */
const haWithinMs = 3_600_000

export default defineTool({
  name: 'proxmox_migrate_guest',
  description:
    'Move a guest to another node of its cluster: a running VM goes on running, a running container restarts.',
  capability: 'proxmox:admin',
  risk: 'write',
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().min(1).max(100).describe(guestRule),
    node: z.string().min(1).max(100).describe('to it'),
    storage: z.string().min(1).max(100).optional().describe('there, for local disks'),
  }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    node: z.string(),
    status: z.string(),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan({ guest: wanted, node: target, storage }, context) {
    const guest = await guestNow(context, wanted, { to: 'migrate', needsQuorum: true })
    const { title, name, kind, vmid, node } = guest
    const to = lastPart(target)
    const basis = { ...guest.basis, to }
    if (to === node) return { summary: `${title} is on ${node} already`, basis, steps: [] }
    await nodesToAsk(context, to)
    const config = await askProxmox(context, `${guestPath(guest)}/config`, guestConfigReply)
    const move = { guest, config, to, storage: storage && lastPart(storage) }
    const needs = await moveNeeds(context, move)
    return {
      summary: `migrate ${name} (${kind} ${vmid} of ${context.target.id}) from ${node} to ${to}: ${howOf(move, needs)}`,
      basis: { ...basis, digest: config['digest'] ?? '', copied: needs.copied.map(({ volume }) => volume) },
      steps: [stepOf(move, needs)],
      preview: [...needs.notes, loadOf(move)].join('\n'),
    }
  },
  report({ basis }: Plan, outcomes: readonly Outcome[]) {
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      node: String(basis['to']),
      status: String(basis['status']),
      task: taskEnd(outcomes[0]),
    })
  },
})

const isUp = ({ guest }: Move): boolean => guest.status !== 'stopped'

function howOf(move: Move, { copied }: MoveNeeds): string {
  const { kind, isManaged } = move.guest
  const live = kind === 'qemu' ? 'it goes on running' : 'it is shut down, and started there'
  const disks = copied.length === 0 ? '' : `; copied: ${copied.map(({ key }) => key).join(', ')}`
  return `${isUp(move) ? live : 'it is stopped'}${disks}${isManaged ? '; its HA manager carries it out' : ''}`
}

/** Nothing takes it back: what failed leaves the guest where it was. */
function stepOf(move: Move, { copied }: MoveNeeds): Step {
  const { guest, to, storage } = move
  const runs = isUp(move)
  const from = storage === undefined ? [] : [...new Set(copied.map((disk) => disk.storage))]
  const moved = from.map((one) => `${one}:${storage}`).join(',')
  const body =
    guest.kind === 'qemu'
      ? {
          target: to,
          ...(runs && { online: true }),
          ...(runs && copied.length > 0 && { 'with-local-disks': true }),
          ...(moved !== '' && { targetstorage: moved }),
        }
      : { target: to, ...(runs && { restart: true }), ...(moved !== '' && { 'target-storage': moved }) }
  return {
    do: { ...post(`${guestPath(guest)}/migrate`, body), timeoutMs: migrateTimeoutMs },
    until: {
      read: get(`${guestPath({ ...guest, node: to })}/status/current`),
      path: 'body.data.status',
      equals: runs ? 'running' : 'stopped',
      withinMs: guest.isManaged ? haWithinMs : thereWithinMs,
    },
  }
}

function loadOf({ guest, to }: Move): string {
  const { memPct, memoryMib, cpuPct } = guest.cluster.nodes.find((one) => one.node === to) ?? {}
  if (memPct === undefined || memoryMib === undefined) return `how busy ${to} is, is not known`
  return `${to} uses ${memPct} % of ${Math.round(memoryMib / 1024)} GiB of memory${cpuPct === undefined ? '' : `, ${cpuPct} % of its CPUs`}`
}

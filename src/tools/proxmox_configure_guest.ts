import { z } from 'zod'
import type { Context } from '../core/context.ts'
import type { Outcome, Request } from '../core/operation.ts'
import type { Plan } from '../core/plan.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestPath, guestRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { pendingKeys, pendingReply } from '../formats/proxmox-pending.ts'
import { oneLine } from '../formats/proxmox-volumes.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { type ConfigChange, configBodies, configChanges, waitsForStart } from '../guests/guest-config.ts'
import { type GuestNow, guestNow } from '../guests/guest-now.ts'
import { hostName, tagNames } from '../guests/placement-names.ts'
import { taskEnd } from '../guests/task-end.ts'

/** Hot-plugging asks the guest, and the lock of a configuration is waited for. */
const configTimeoutMs = 120_000

export default defineTool({
  name: 'proxmox_configure_guest',
  description: 'Change settings of a VM or container; the plan tells which wait for its next start.',
  capability: 'proxmox:admin',
  risk: 'write',
  restorePoint: true,
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().min(1).max(100).describe(guestRule),
    cores: z.number().int().min(1).max(8192).optional(),
    memory_mib: z.number().int().min(16).optional(),
    name: hostName.optional().describe('new name'),
    description: z.string().max(8192).optional().describe('notes'),
    tags: tagNames.optional(),
    onboot: z.boolean().optional(),
    protection: z.boolean().optional(),
    agent: z.boolean().optional(),
    set: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe('other config keys'),
    remove: z.array(z.string()).max(50).optional().describe('keys'),
  }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    changed: z.string().optional(),
    next_start: z.string().optional().describe('take effect then'),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan({ guest: wanted, ...settings }, context) {
    const guest = await guestNow(context, wanted, { to: 'configure', needsQuorum: true })
    const { title, name, kind, vmid, node, basis } = guest
    const config = await askProxmox(context, `${guestPath(guest)}/config`, guestConfigReply)
    const changes = configChanges(kind, config, settings)
    if (changes.length === 0) return nothingToDo(context, guest)
    const waiting = guest.status === 'stopped' ? [] : changes.filter((change) => waitsForStart(kind, change, config))
    const keys = changes.map(({ key }) => key).join(', ')
    const bodies = configBodies(changes, config['digest'])
    return {
      summary: `change ${changes.map(inShort).join(', ')} of ${name} (${kind} ${vmid} on ${node} of ${context.target.id})${effectOf(changes, waiting)}`,
      basis: {
        ...basis,
        digest: config['digest'] ?? '',
        changed: keys,
        next_start: waiting.map(({ key }) => key).join(', '),
      },
      steps: [{ do: write(guest, bodies.do), undo: write(guest, bodies.undo) }],
      preview: [
        title,
        ...changes.map((change) => line(change, waiting.includes(change))),
        ...beyondNode(guest, changes),
      ].join('\n'),
    }
  },
  report({ basis, steps }: Plan, outcomes: readonly Outcome[]) {
    const isDone = steps.length > 0
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      changed: isDone ? String(basis['changed']) : undefined,
      next_start: String(basis['next_start'] ?? ''),
      task: taskEnd(outcomes[0]),
    })
  },
})

/** It is so already; what still waits for a start is said. */
async function nothingToDo(context: Pick<Context, 'read'>, guest: GuestNow): Promise<Plan> {
  const waiting = pendingKeys(await askProxmox(context, `${guestPath(guest)}/pending`, pendingReply)).join(', ')
  const note = waiting === '' ? '' : `; waiting for its next start: ${waiting}`
  return {
    summary: `${guest.title} is set so already${note}`,
    basis: { ...guest.basis, next_start: waiting },
    steps: [],
  }
}

/** A VM is changed by a task, whose end tells of what could not be plugged; a container at once. */
const write = (guest: GuestNow, body: Request['body']): Request => ({
  kind: 'request',
  method: guest.kind === 'lxc' ? 'PUT' : 'POST',
  path: `${guestPath(guest)}/config`,
  body,
  timeoutMs: configTimeoutMs,
})

function effectOf(changes: readonly ConfigChange[], waiting: readonly ConfigChange[]): string {
  if (waiting.length === 0) return ''
  const which = waiting.length === changes.length ? 'takes' : `${waiting.map(({ key }) => key).join(', ')}: takes`
  return `; ${which} effect at its next start`
}

const line = ({ key, before, after }: ConfigChange, waits: boolean): string =>
  `${key}: ${told(before, 'not set')} → ${told(after, 'deleted')}${waits ? ' (at its next start)' : ''}`

/** `cores 4 → 8`; of what takes more room than that, its key. */
function inShort(change: ConfigChange): string {
  const { key, before = 'unset', after = 'unset' } = change
  const values = `${key} ${oneLine(before)} → ${oneLine(after)}`
  return values.length > 60 ? key : values
}

const told = (value: string | undefined, nothing: string): string =>
  value === undefined ? `(${nothing})` : oneLine(value, 400)

/** What its node has less of than the guest is given. */
function beyondNode({ node, cluster }: GuestNow, changes: readonly ConfigChange[]): readonly string[] {
  const host = cluster.nodes.find((one) => one.node === node)
  const given = (name: string) => Number(changes.find(({ key }) => key === name)?.after ?? 0)
  const { cpus = Number.POSITIVE_INFINITY, memoryMib = Number.POSITIVE_INFINITY } = host ?? {}
  return [
    ...(given('cores') > cpus ? [`${node} has ${cpus} CPUs only`] : []),
    ...(given('memory') > memoryMib ? [`${node} has ${memoryMib} MiB of memory only`] : []),
  ]
}

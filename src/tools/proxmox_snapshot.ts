import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { get, type Operation, type Outcome, post } from '../core/operation.ts'
import type { Plan, Step } from '../core/plan.ts'
import { askProxmox, shown } from '../core/proxmox-ask.ts'
import { guestPath, guestRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { snapshotsOf, snapshotsReply } from '../formats/proxmox-snapshots.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { type GuestNow, guestNow, refusal } from '../guests/guest-now.ts'
import { requireSnapshots } from '../guests/restore-point.ts'
import { rollbackOf } from '../guests/rollback.ts'
import { taskEnd } from '../guests/task-end.ts'
import { nearest } from '../lib/nearest.ts'

const minuteMs = 60_000
/** The memory of a VM is written to the storage. */
const takesMs = { disks: 15 * minuteMs, memory: 30 * minuteMs, back: 60 * minuteMs } as const
const settledWithinMs = 10_000
const startsWithinMs = 60_000

const nameRule = '2 to 40 letters, digits, - and _, beginning with a letter'
/** Proxmox keeps these for itself. */
const reserved = ['current', 'pending', 'vzdump']

export default defineTool({
  name: 'proxmox_snapshot',
  description:
    'Take, delete or roll back to a snapshot of a VM or container; a rollback stops it and loses what came since.',
  capability: 'proxmox:control',
  risk: 'destructive',
  riskOf: ({ action }) => (action === 'create' ? 'write' : 'destructive'),
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().min(1).max(100).describe(guestRule),
    action: z.enum(['create', 'delete', 'rollback']),
    name: z
      .string()
      .regex(/^[A-Za-z][\w-]{1,39}$/, `a snapshot has a name of ${nameRule}`)
      .describe('of the snapshot'),
    description: z.string().max(500).optional(),
    vmstate: z.boolean().optional().describe('with memory (VM)'),
    start: z.boolean().optional().describe('after rollback'),
  }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    snapshot: z.string(),
    status: z.string().optional().describe('of the guest, after a rollback'),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan(input, context) {
    refuseMisplaced(input)
    const verb = { create: 'snapshot', delete: 'delete a snapshot of', rollback: 'roll back' }[input.action]
    const notTemplates = 'a template has no snapshots: clone it, and use the clone'
    const guest = await guestNow(context, input.guest, { to: verb, needsQuorum: true, notTemplates })
    const { snapshots } = snapshotsOf(await askProxmox(context, `${guestPath(guest)}/snapshot`, snapshotsReply))
    const asked = { guest, snapshots, input }
    if (input.action === 'create') return planCreate(context, asked)
    if (input.action === 'delete') return planDelete(context, asked)
    return planRollback(context, asked)
  },
  report({ basis, steps }: Plan, outcomes: readonly Outcome[]) {
    const after = basis['after']
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      snapshot: String(basis['snapshot']),
      status: typeof after === 'string' && steps.length > 0 ? after : undefined,
      task: taskEnd(outcomes[0]),
    })
  },
})

type Snapshots = ReturnType<typeof snapshotsOf>['snapshots']

interface Asked {
  readonly guest: GuestNow
  readonly snapshots: Snapshots
  readonly input: {
    readonly action: 'create' | 'delete' | 'rollback'
    readonly name: string
    readonly description?: string | undefined
    readonly vmstate?: boolean | undefined
    readonly start?: boolean | undefined
  }
}

function refuseMisplaced({ action, name, description, vmstate, start }: Asked['input']): void {
  if (action !== 'create' && (description !== undefined || vmstate !== undefined))
    throw refusal(`description and vmstate go with create, not with ${action}`, 'leave them out')
  if (action !== 'rollback' && start !== undefined)
    throw refusal(`start goes with rollback, not with ${action}`, 'leave it out')
  if (action === 'create' && reserved.includes(name.toLowerCase()))
    throw refusal(`${shown(name)} is a name that Proxmox keeps for itself`, 'take another one')
}

const placeOf = ({ name, kind, vmid, node }: GuestNow, { target }: Pick<Context, 'target'>): string =>
  `${name} (${kind} ${vmid} on ${node} of ${target.id})`

const basisOf = ({ guest, snapshots, input }: Asked) => ({
  ...guest.basis,
  snapshot: input.name,
  snapshots: snapshots.map(({ name, snaptime = 0 }) => `${name} ${snaptime}`),
})

async function planCreate(context: Context, asked: Asked): Promise<Plan> {
  const { guest, snapshots, input } = asked
  const { name, description, vmstate = false } = input
  if (snapshots.some((one) => one.name === name))
    throw refusal(`${guest.title} has a snapshot ${name} already`, 'take another name, or delete it first')
  if (vmstate && guest.kind === 'lxc')
    throw refusal(`cannot save the memory of ${guest.title}: it is a container`, 'leave out vmstate')
  if (vmstate && guest.status === 'stopped')
    throw refusal(`cannot save the memory of ${guest.title}: it is stopped`, 'leave out vmstate, or start it first')
  await requireSnapshots(context, guest)
  const body = { snapname: name, ...(description && { description }), ...(vmstate && { vmstate: true }) }
  const timeoutMs = vmstate ? takesMs.memory : takesMs.disks
  return {
    summary: `take snapshot ${name} of ${placeOf(guest, context)}${vmstate ? ', with its memory' : ''}`,
    basis: basisOf(asked),
    steps: [
      {
        do: { ...post(`${guestPath(guest)}/snapshot`, body), timeoutMs },
        until: { read: get(configPath(guest, name)), path: 'status', equals: 200, withinMs: settledWithinMs },
      },
    ],
  }
}

const snapshotPath = (guest: GuestNow, name: string): string =>
  `${guestPath(guest)}/snapshot/${encodeURIComponent(name)}`
const configPath = (guest: GuestNow, name: string): string => `${snapshotPath(guest, name)}/config`

function snapshotNamed({ guest, snapshots, input }: Asked): Snapshots[number] {
  const found = snapshots.find(({ name }) => name === input.name)
  if (found !== undefined) return found
  const names = snapshots.map(({ name }) => name)
  const close = nearest(input.name, names)
  const all = names.length === 0 ? 'it has none' : `it has: ${names.slice(-20).join(', ')}`
  throw new GatewayError('not_found', `${guest.title} has no snapshot ${shown(input.name)}`, {
    hint: close === undefined ? all : `did you mean ${close}? ${all}`,
  })
}

/** A moment that is the same whenever it is told: plans hold no clock. */
const takenAt = ({ snaptime }: Snapshots[number]): string =>
  snaptime === undefined ? '' : ` of ${new Date(snaptime * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`

function planDelete(context: Context, asked: Asked): Plan {
  const { guest } = asked
  const found = snapshotNamed(asked)
  const { name } = found
  const request: Operation = {
    kind: 'request',
    method: 'DELETE',
    path: snapshotPath(guest, name),
    timeoutMs: takesMs.back,
  }
  return {
    summary: `delete snapshot ${name}${takenAt(found)} of ${placeOf(guest, context)}: nothing goes back to it any more`,
    basis: basisOf(asked),
    // Proxmox answers a read of what is not there with 500; a node that is gone is 595.
    steps: [
      {
        do: request,
        until: { read: get(configPath(guest, name)), path: 'status', equals: 500, withinMs: settledWithinMs },
      },
    ],
  }
}

async function planRollback(context: Context, asked: Asked): Promise<Plan> {
  const { guest, snapshots, input } = asked
  const found = snapshotNamed(asked)
  const { name } = found
  const newer = snapshots.slice(snapshots.indexOf(found) + 1).map((one) => one.name)
  const { start = false } = input
  const { preview, digest } = await rollbackOf(context, guest, { found, newer })
  const runs = start || found.vmstate === 1
  const after = runs ? 'running' : guest.isManaged ? 'as its HA manager wants it' : 'stopped'
  const body = start ? { start: true } : undefined
  const back: Step = {
    do: { ...post(`${snapshotPath(guest, name)}/rollback`, body), timeoutMs: takesMs.back },
    until: {
      read: get(`${guestPath(guest)}/config`),
      path: 'body.data.parent',
      equals: name,
      withinMs: settledWithinMs,
    },
  }
  const status = get(`${guestPath(guest)}/status/current`)
  const started: Step = {
    do: status,
    until: { read: status, path: 'body.data.status', equals: 'running', withinMs: startsWithinMs },
  }
  return {
    summary: `roll ${placeOf(guest, context)} back to snapshot ${name}${takenAt(found)}: all since is lost${stopOf(guest, runs)}`,
    basis: { ...basisOf(asked), digest, after },
    steps: runs ? [back, started] : [back],
    preview,
  }
}

/** What becomes of the guest itself. */
function stopOf({ status, isManaged }: GuestNow, runs: boolean): string {
  if (status === 'stopped') return runs ? '; it runs afterwards' : ''
  const then = runs ? 'runs afterwards' : isManaged ? 'its HA manager decides what then' : 'stays so'
  return `; it is stopped for it, and ${then}`
}

import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { get, type Outcome, post } from '../core/operation.ts'
import type { Plan, Step, Until } from '../core/plan.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestNamed, guestPath, guestRule } from '../core/proxmox-guest.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import { defineTool } from '../core/tool.ts'
import { guestStatusReply, stateOf } from '../formats/proxmox-guest-detail.ts'
import { clusterResources, type GuestRow, type NodeRow, resourcesReply } from '../formats/proxmox-resources.ts'
import { clusterStatus, clusterStatusReply } from '../formats/proxmox-status.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { parseJson } from '../lib/json.ts'

/** What the node may need beyond the guest's own time: 10 s for a lock, and the work itself. */
const nodeMs = 60_000
/** The status is right as soon as the task has ended; one that HA carries out comes later. */
const settledWithinMs = 10_000
const haWithinMs = 120_000

const actions = ['start', 'shutdown', 'stop', 'reboot', 'suspend', 'resume'] as const
type GuestAction = (typeof actions)[number]

export default defineTool({
  name: 'proxmox_manage_guest',
  description: 'Start, shut down, stop (power off), reboot, suspend or resume a VM or container; waits for the end.',
  capability: 'proxmox:control',
  risk: 'write',
  riskOf: ({ action, force }) => (action === 'stop' || force ? 'destructive' : 'write'),
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().min(1).max(100).describe(guestRule),
    action: z.enum(actions),
    timeout_s: z.number().int().min(1).max(3600).default(60).describe('of shutdown, reboot'),
    force: z.boolean().default(false).describe('shutdown: power off after timeout_s'),
  }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    status: z.string(),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan({ guest: wanted, action, timeout_s, force }, context) {
    if (force && action !== 'shutdown') throw refusal('force goes with shutdown only', 'leave it out, or use shutdown')
    const { guests, nodes } = clusterResources(await askProxmox(context, '/cluster/resources', resourcesReply))
    const found = guestNamed(guests, wanted, context.target.id)
    requireNode(found, action, nodes)
    const { isManaged, ...now } = await stateNow(found, action, context)
    const { vmid, kind, node } = found
    const name = now.name ?? found.name ?? String(vmid)
    const basis = {
      cluster: context.target.id,
      vmid,
      kind,
      node,
      name,
      status: now.status,
      ...(isManaged && { ha: true }),
    }
    if (isAlready(action, now.status))
      return { summary: `${name} (${vmid}) is already ${now.status}`, basis, steps: [] }
    refuseImpossible(action, `${name} (${vmid})`, { kind, status: now.status })
    const how = force ? `, powered off after ${timeout_s} s` : ''
    const carrier = isManaged ? '; its HA manager carries it out' : ''
    return {
      summary: `${action} ${name} (${kind} ${vmid} on ${node} of ${context.target.id}, now ${now.status})${how}${carrier}`,
      basis,
      steps: [stepOf(found, { action, timeoutS: timeout_s, force, isManaged })],
    }
  },
  report({ basis, steps }: Plan, outcomes: readonly Outcome[]) {
    const [step] = steps
    const wanted = step?.until?.equals
    const said = typeof wanted === 'string' ? wanted : String(basis['status'])
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      status: step?.until === undefined && step !== undefined ? 'running' : said,
      task: taskEnd(outcomes[0]),
    })
  },
})

/** @throws GatewayError unreachable */
function requireNode(
  { vmid, name, kind, node, status }: GuestRow,
  action: GuestAction,
  nodes: readonly NodeRow[],
): void {
  const isOffline = nodes.some((one) => one.node === node && one.status === 'offline')
  if (!isOffline && status !== 'unknown') return
  throw new GatewayError('unreachable', `cannot ${action} ${name ?? kind} (${vmid}): its node ${node} is offline`, {
    hint: `bring ${node} back first; proxmox_list_nodes shows how the nodes stand`,
  })
}

interface StateNow {
  readonly name: string | undefined
  readonly status: string
  readonly isManaged: boolean
}

/** Asks the guest's own node; its status in the list of resources is up to 10 s old. @throws GatewayError */
async function stateNow(guest: GuestRow, action: GuestAction, { read }: Context): Promise<StateNow> {
  const { vmid, node, kind } = guest
  const title = `${guest.name ?? kind} (${vmid})`
  const asked = await read(get(`${guestPath(guest)}/status/current`))
  const current = proxmoxData(asked, guestStatusReply, `the status of ${title}`)
  if (guest.template === true || current.template === 1)
    throw refusal(`cannot ${action} ${title}: it is a template`, 'clone it, and use the clone')
  if (current.lock !== undefined)
    throw new GatewayError('busy', `cannot ${action} ${title}: it is locked (${current.lock})`, {
      hint: `wait for the task that holds it; one left over is taken off by root on ${node}: ${kind === 'lxc' ? 'pct' : 'qm'} unlock ${vmid}`,
    })
  const isManaged = current.ha?.managed === 1
  if (action === 'start' || isManaged) await requireQuorum(`cannot ${action} ${title}`, read)
  return { name: current.name, status: stateOf(current), isManaged }
}

/** Who may not read the status of the cluster is told by the start itself. */
async function requireQuorum(what: string, read: Context['read']): Promise<void> {
  const outcome = await read(get('/cluster/status'))
  if (outcome.status === 403) return
  const { quorate, nodes } = clusterStatus(proxmoxData(outcome, clusterStatusReply, 'the status of the cluster'))
  if (quorate) return
  const online = nodes.filter((node) => node.online).length
  throw new GatewayError('operation_failed', `${what}: no quorum, ${online} of ${nodes.length} nodes are online`, {
    hint: 'bring nodes back first; without quorum a running guest can only be stopped',
  })
}

const refusal = (message: string, hint: string) => new GatewayError('invalid_input', message, { hint })

function isAlready(action: GuestAction, status: string): boolean {
  if (action === 'start') return status === 'running'
  if (action === 'suspend') return status === 'paused'
  return (action === 'stop' || action === 'shutdown') && status === 'stopped'
}

function refuseImpossible(
  action: GuestAction,
  title: string,
  { kind, status }: { readonly kind: 'lxc' | 'qemu'; readonly status: string },
): void {
  if (kind === 'lxc' && (action === 'suspend' || action === 'resume'))
    throw refusal(
      `cannot ${action} ${title}: a container is not ${action}ed reliably`,
      'use shutdown and start instead',
    )
  if (status === 'paused' && !['resume', 'stop'].includes(action))
    throw refusal(`cannot ${action} ${title}: it is paused`, 'resume it first, or stop it')
  if (action === 'resume' && status !== 'paused')
    throw refusal(`cannot resume ${title}: it is ${status}`, 'only a paused VM is resumed; start one that is stopped')
  if (status === 'stopped' && (action === 'reboot' || action === 'suspend'))
    throw refusal(`cannot ${action} ${title}: it is stopped`, 'start it')
}

interface Wanted {
  readonly action: GuestAction
  readonly timeoutS: number
  readonly force: boolean
  readonly isManaged: boolean
}

/** Nothing takes it back: what failed has not changed the guest, and a lost shutdown is no reason to start anything. */
function stepOf(guest: GuestRow, { action, timeoutS, force, isManaged }: Wanted): Step {
  const waits = action === 'shutdown' || action === 'reboot'
  const body = waits ? { timeout: timeoutS, ...(force && { forceStop: true }) } : undefined
  const timeoutMs = nodeMs + (waits ? timeoutS * 1000 : 0)
  const read = get(`${guestPath(guest)}/status/current`)
  // The state of a VM in a pause is its qmpstatus alone.
  const isPause = action === 'suspend' || action === 'resume'
  const until: Until = {
    read,
    path: isPause ? 'body.data.qmpstatus' : 'body.data.status',
    equals: ends[action],
    withinMs: isManaged ? haWithinMs + (waits ? timeoutS * 1000 : 0) : settledWithinMs,
  }
  return { do: { ...post(`${guestPath(guest)}/status/${action}`, body), timeoutMs }, until }
}

const ends: Readonly<Record<GuestAction, string>> = {
  start: 'running',
  shutdown: 'stopped',
  stop: 'stopped',
  reboot: 'running',
  suspend: 'paused',
  resume: 'running',
}

const taskReply = z.object({ exitstatus: z.string() })

/** Said only where it is more than OK. */
function taskEnd(outcome: Outcome | undefined): string | undefined {
  const ended = taskReply.safeParse(parseJson(outcome?.output ?? ''))
  return ended.success && ended.data.exitstatus !== 'OK' ? outcome?.errorOutput.slice(0, 500) : undefined
}

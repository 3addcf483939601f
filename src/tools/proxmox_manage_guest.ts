import { z } from 'zod'
import { get, type Outcome, post } from '../core/operation.ts'
import type { Plan, Step, Until } from '../core/plan.ts'
import { guestPath, guestsRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { type GuestNow, guestNow, refusal } from '../guests/guest-now.ts'
import { taskEnd } from '../guests/task-end.ts'

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
  restorePoint: true,
  severalGuests: true,
  riskOf: ({ action, force }) => (action === 'stop' || force ? 'destructive' : 'write'),
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().min(1).max(100).describe(guestsRule),
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
    const notTemplates = 'clone it, and use the clone'
    const guest = await guestNow(context, wanted, { to: action, needsQuorum: action === 'start', notTemplates })
    const { title, kind, vmid, node, name, status, isManaged, basis } = guest
    if (isAlready(action, status)) return { summary: `${title} is already ${status}`, basis, steps: [] }
    refuseImpossible(action, title, guest)
    const how = force ? `, powered off after ${timeout_s} s` : ''
    const carrier = isManaged ? '; its HA manager carries it out' : ''
    return {
      summary: `${action} ${name} (${kind} ${vmid} on ${node} of ${context.target.id}, now ${status})${how}${carrier}`,
      basis,
      steps: [stepOf(guest, { action, timeoutS: timeout_s, force })],
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

function isAlready(action: GuestAction, status: string): boolean {
  if (action === 'start') return status === 'running'
  if (action === 'suspend') return status === 'paused'
  return (action === 'stop' || action === 'shutdown') && status === 'stopped'
}

function refuseImpossible(
  action: GuestAction,
  title: string,
  { kind, status }: Pick<GuestNow, 'kind' | 'status'>,
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
}

/** Nothing takes it back: what failed has not changed the guest, and a lost shutdown is no reason to start anything. */
function stepOf(guest: GuestNow, { action, timeoutS, force }: Wanted): Step {
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
    withinMs: guest.isManaged ? haWithinMs + (waits ? timeoutS * 1000 : 0) : settledWithinMs,
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

import { z } from 'zod'
import { agentFailure } from '../core/agent-failure.ts'
import { type Argv, requireListed, shownArgument } from '../core/command-rules.ts'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { command, get, type Outcome, post } from '../core/operation.ts'
import type { Plan, Step } from '../core/plan.ts'
import { endOfProgram, programArgument, programEnd } from '../core/program-end.ts'
import { guestPath, guestsRule } from '../core/proxmox-guest.ts'
import { proxmoxFailure } from '../core/proxmox-reply.ts'
import { defineTool } from '../core/tool.ts'
import { type GuestNow, guestNow, refusal } from '../guests/guest-now.ts'

/** What a guest agent takes. */
const maxInput = 65_536

/**
 * Runs a program as root in a container by `pct exec` on its node, in a virtual machine by its agent. Which programs may run is said
 * by `constraints.commands` of the cluster.
 */
export default defineTool({
  name: 'proxmox_exec',
  description:
    'Run one program with its arguments, no shell, in a running VM or container. Only what constraints.commands of the cluster lists.',
  capability: 'command:run',
  risk: 'destructive',
  restorePoint: true,
  severalGuests: true,
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().min(1).max(100).describe(guestsRule),
    argv: z.array(programArgument).min(1).max(64).describe('program, arguments'),
    stdin: z.string().max(maxInput).optional(),
    timeout_s: z.number().int().min(1).max(3600).default(60),
  }),
  output: z.object({ guest: z.string(), vmid: z.number(), ...programEnd }),
  async plan({ guest: wanted, argv: [program = '', ...args], stdin, timeout_s }, context) {
    const argv: Argv = [program, ...args]
    requireListed(argv, context.target)
    const notTemplates = 'clone it, and use the clone'
    const guest = await guestNow(context, wanted, { to: 'run programs in', notTemplates })
    const { title, status, kind, vmid, node, name, basis } = guest
    if (status !== 'running')
      throw refusal(
        `cannot run programs in ${title}: it is ${status}`,
        `${status === 'paused' ? 'resume' : 'start'} it with proxmox_manage_guest`,
      )
    const input = stdin === undefined || stdin === '' ? '' : `, given ${Buffer.byteLength(stdin)} bytes`
    return {
      summary: `run ${argv.map(shownArgument).join(' ')}${input} as root in ${name} (${kind} ${vmid} on ${node} of ${context.target.id})`,
      basis,
      steps: [await stepOf(context, guest, { argv, stdin, timeoutMs: timeout_s * 1000 })],
    }
  },
  report: (plan, outcomes) => ended(plan, outcomes),
  reportFailure: (plan, outcomes) => ended(plan, outcomes),
})

const ended = ({ basis }: Plan, [outcome]: readonly Outcome[]) => ({
  guest: String(basis['name']),
  vmid: Number(basis['vmid']),
  ...endOfProgram(outcome),
})

interface Program {
  readonly argv: Argv
  readonly stdin: string | undefined
  readonly timeoutMs: number
}

function stepOf(context: Context, guest: GuestNow, program: Program): Promise<Step> {
  return guest.kind === 'lxc' ? onNode(context, guest, program) : byAgent(context, guest, program)
}

/** The environment of the login on the node stays there. @throws GatewayError unsupported_target, denied, unreachable */
async function onNode(
  { target, read }: Context,
  { vmid, node }: GuestNow,
  { argv, stdin, timeoutMs }: Program,
): Promise<Step> {
  const nodes = target.nodes ?? {}
  const on = Object.hasOwn(nodes, node) ? nodes[node] : undefined
  if (on === undefined)
    throw new GatewayError('unsupported_target', `nothing says how node ${node} of ${target.id} is reached`, {
      hint: `the operator can add connection.nodes: { ${node}: <id of its ssh target> } to ${target.id} in targets.yaml; that target must grant guest:exec`,
    })
  // Told before anybody approves: whether the node may be asked to carry it, and answers.
  await read({ ...command(['id', '-u']), on })
  const inside = command(['pct', 'exec', String(vmid), '--keep-env', '0', '--', ...argv], { on, asRoot: true })
  return { do: { ...inside, timeoutMs, ...(stdin !== undefined && { stdin }) }, interruptible: true }
}

/** A program that its agent has begun goes on, whoever cancels. @throws GatewayError unreachable: no agent; as proxmoxFailure */
async function byAgent({ target, read }: Context, guest: GuestNow, { argv, stdin, timeoutMs }: Program): Promise<Step> {
  const agent = `${guestPath(guest)}/agent`
  const outcome = await read(get(`${agent}/info`))
  const { vmid, node } = guest
  if (!outcome.ok)
    throw (
      agentFailure(outcome, { id: `pve:${target.id}/${vmid}`, vmid, node }) ??
      proxmoxFailure(outcome, `the guest agent of ${guest.title}`)
    )
  const body = { command: argv, ...(stdin !== undefined && stdin !== '' && { 'input-data': stdin }) }
  return { do: { ...post(`${agent}/exec`, body), timeoutMs } }
}

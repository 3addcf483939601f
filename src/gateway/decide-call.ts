import type { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { type Decision, decide, type Question } from '../core/policy.ts'
import type { Caller, Target } from '../core/target.ts'
import { capabilityOn, isAction, type Risk, type Tool } from '../core/tool.ts'
import { chooseClusters } from './choose-clusters.ts'
import { chooseTargets } from './choose-targets.ts'
import type { Gateway } from './gateway.ts'
import { placeNamed } from './places.ts'
import type { Call, Granted } from './request.ts'
import { clusterOfGuest } from './restore-point.ts'

/** Resolves the targets of a call and asks policy about each. @throws GatewayError unknown_target and the like */
export function access(gateway: Gateway, request: Call, input: z.output<Tool['input']>): readonly Granted[] {
  const { tool, caller } = request
  if (tool.capability === 'origin') checkOrigin(gateway, caller, input)
  const chosen = chosenBy(gateway, request, input)
  return chosen.map((target) => {
    const risk = isAction(tool) ? (tool.riskOf?.(input, target) ?? tool.risk) : tool.risk
    return { target, risk, decision: decisionOfCall(gateway, request, { target, risk, input }) }
  })
}

/** What policy says of a part of a call; of its snapshot as well, where it makes one. @throws GatewayError as access */
export function decisionOfCall(gateway: Gateway, request: Call, about: Subject): Decision {
  const decision = decisionOn(gateway, request.caller, request.tool, about)
  if (request.snapshotFirst !== true) return decision
  return stricter(decision, decisionOnSnapshot(gateway, request, about))
}

/** @throws GatewayError denied when nothing is left to do: the only target, every target, or any target of a change */
export function refuseDenied(tool: Tool, granted: readonly Granted[]): void {
  const denied = granted.filter(({ decision }) => decision.effect === 'deny')
  const [first] = denied
  if (first === undefined || (!isAction(tool) && denied.length < granted.length)) return
  const others = denied.length > 1 ? ` (and ${denied.length - 1} more)` : ''
  throw new GatewayError('denied', `${first.decision.reason}${others}`, { hint: first.decision.hint })
}

/** The way back is a right of its own, on the cluster that keeps the guest. @throws GatewayError */
function decisionOnSnapshot(gateway: Gateway, { caller, tool }: Call, { target, input, guest }: Subject): Decision {
  if (!isAction(tool) || tool.restorePoint !== true)
    throw new GatewayError('invalid_input', `${tool.name} takes no snapshot_first: a rollback would not take it back`, {
      hint: 'leave it out',
    })
  const cluster = clusterOfGuest(gateway, target)
  const question = { caller, tool: 'proxmox_snapshot', capability: 'proxmox:control', risk: 'write' } as const
  const arguments_ = input === undefined ? {} : { input: { action: 'create' } }
  return decide(gateway.policy, { ...question, ...arguments_, guest, target: cluster, at: gateway.clock.now() })
}

const strictness = { allow: 0, approve: 1, deny: 2 } as const

/** The stricter one; where both ask for approval, on the terms of both. */
function stricter(one: Decision, other: Decision): Decision {
  if (strictness[other.effect] !== strictness[one.effect])
    return strictness[other.effect] > strictness[one.effect] ? other : one
  const terms = [...(one.terms ?? []), ...(other.terms ?? [])]
  return { ...one, ...(terms.length > 0 && { terms }) }
}

function chosenBy({ targets: { all }, fleet }: Gateway, request: Call, input: z.output<Tool['input']>) {
  const { tool, targets, cluster } = request
  if (targets !== undefined || tool.targets.some((kind) => kind !== 'proxmox')) return chooseTargets(all, tool, targets)
  const named = tool.resource === undefined ? undefined : input[tool.resource]
  const resource = typeof named === 'string' || typeof named === 'number' ? String(named) : undefined
  return chooseClusters({ all, fleet }, tool, { cluster, resource })
}

/** What is decided about: a target, and as far as they are known the arguments and the guest meant. */
export interface Subject extends Pick<Question, 'input' | 'guest'> {
  readonly target: Target
  readonly risk: Risk
}

/** What policy says of one tool on one target; handles of earlier calls were checked by their own call's right. */
export function decisionOn(gateway: Gateway, caller: Caller, tool: Tool, subject: Subject): Decision {
  const capability = capabilityOn(tool, subject.target.kind)
  if (capability === undefined) return { effect: 'allow', rule: 'origin', reason: 'as the call that made it' }
  return decide(gateway.policy, { caller, tool: tool.name, capability, at: gateway.clock.now(), ...subject })
}

/** A handle works only for the caller whose call made it, and only while that caller may still make that call. */
function checkOrigin(gateway: Gateway, caller: Caller, input: z.output<Tool['input']>): void {
  const { kind, id } = handleOf(input)
  const origin = kind === 'job' ? originOfJob(gateway, id) : gateway.outputs.find(id)
  if (origin === undefined || origin.caller !== caller.id) {
    throw new GatewayError('not_found', `no ${kind} ${JSON.stringify(id.slice(0, 40))} of yours`, {
      hint:
        kind === 'job'
          ? 'jobs are kept for a week after their end'
          : 'cut answers are kept for an hour: repeat the call that made it',
    })
  }
  const tool = gateway.tools.find(({ name }) => name === origin.tool)
  for (const id of origin.targets) {
    const target = placeNamed(gateway, id)?.target
    if (tool === undefined || target === undefined) {
      throw new GatewayError('denied', `${origin.tool} on ${id} is no longer configured`, { hint: 'repeat the call' })
    }
    const decision = decisionOn(gateway, caller, tool, { target, risk: tool.risk })
    if (decision.effect === 'deny') throw new GatewayError('denied', decision.reason, { hint: decision.hint })
  }
}

function handleOf(input: z.output<Tool['input']>): { readonly kind: 'job' | 'output'; readonly id: string } {
  const { job, handle } = input
  if (typeof job === 'string') return { kind: 'job', id: job }
  return { kind: 'output', id: typeof handle === 'string' ? handle : '' }
}

function originOfJob(gateway: Gateway, id: string) {
  const job = gateway.journal.find(id)
  return job && { caller: job.caller, tool: job.tool, targets: job.plans.map(({ target }) => target) }
}

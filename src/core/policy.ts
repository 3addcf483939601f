import type { Capability } from './capability.ts'
import type { Caller, Target } from './target.ts'
import type { Risk } from './tool.ts'

/** Narrows what targets grant. Nothing here can widen it. */
export interface Policy {
  readonly rules: readonly Rule[]
}

/** One line of policy: fits when each of its lists names the call; a list left out names every call. */
export interface Rule {
  readonly id: string
  readonly effect: 'allow' | 'approve' | 'deny'
  readonly tools?: readonly string[] | undefined
  readonly risks?: readonly Risk[] | undefined
}

/** What is asked of policy: may this caller do this on this target? */
export interface Question {
  readonly caller: Caller
  readonly tool: string
  readonly capability: Capability
  readonly risk: Risk
  readonly target: Target
}

export interface Decision {
  readonly effect: 'allow' | 'approve' | 'deny'
  /** `grant`, `scope`, `no-rule`, or the id of the policy rule that decided. */
  readonly rule: string
  readonly reason: string
  readonly hint?: string | undefined
}

/** Without a policy file: reads as granted, every change needs a person. */
export const defaultPolicy: Policy = {
  rules: [
    { id: 'default-reads', effect: 'allow', risks: ['read', 'probe'] },
    { id: 'default-changes', effect: 'approve', risks: ['write', 'destructive'] },
  ],
}

const strictest = ['deny', 'approve', 'allow'] as const

/** Pure: the same question always has the same answer. Granted ∩ held first; then deny wins over approve, approve over allow. */
export function decide(policy: Policy, { caller, tool, capability, risk, target }: Question): Decision {
  if (!target.capabilities.includes(capability)) {
    return {
      effect: 'deny',
      rule: 'grant',
      reason: `${target.id} does not grant ${capability}`,
      hint: `the operator can add ${capability} to the capabilities of ${target.id} in targets.yaml`,
    }
  }
  if (!caller.scopes.includes(capability)) {
    return {
      effect: 'deny',
      rule: 'scope',
      reason: `${caller.id} does not hold the scope ${capability}`,
      hint: `use a token with the scope ${capability} (tailops token mint --scopes=…)`,
    }
  }
  const fitting = policy.rules.filter((rule) => fits(rule, tool, risk))
  const rule = strictest.flatMap((effect) => fitting.filter((candidate) => candidate.effect === effect))[0]
  if (rule === undefined) {
    return {
      effect: 'deny',
      rule: 'no-rule',
      reason: `no policy rule allows ${tool}`,
      hint: 'the operator can add a rule',
    }
  }
  return { effect: rule.effect, rule: rule.id, reason: `rule ${rule.id} says ${rule.effect} for ${risk} calls` }
}

const fits = ({ tools, risks }: Rule, tool: string, risk: Risk): boolean =>
  (tools === undefined || tools.includes(tool)) && (risks === undefined || risks.includes(risk))

import { matchesGlob } from '../lib/glob.ts'
import { type Circumstances, every, type Fit, fitOf, opposite } from './policy-conditions.ts'
import type { Decision, Policy, Question, Rule } from './policy-model.ts'
import { refusalByRights } from './policy-rights.ts'
import { isNamed } from './policy-who.ts'
import type { Caller, Target } from './target.ts'
import { targetSelector } from './target-selector.ts'

export type { Decision, Policy, Question, Rule } from './policy-model.ts'

/** Without a policy file: reads as granted, every change needs a person. */
export const defaultPolicy: Policy = {
  rules: [
    { id: 'default-reads', effect: 'allow', risks: ['read', 'probe'] },
    { id: 'default-changes', effect: 'approve', risks: ['write', 'destructive'] },
  ],
}

/**
 * Pure: the same question always has the same answer. Granted ∩ held first; then deny wins over approve, approve over allow.
 * Where it cannot be told whether a rule's conditions hold, it restricts and does not allow.
 */
export function decide(policy: Policy, question: Question): Decision {
  const refusal = refusalByRights(policy, question)
  if (refusal !== undefined) return refusal
  const found = rulesThatFit(policy, question)
  const grant = found.find(({ effect, fit }) => effect !== 'deny' && fit !== 'maybe')
  const [denied] = found.filter(({ effect, fit }) => effect === 'deny' && fit !== 'open')
  if (denied !== undefined) return byRule(denied, question)
  if (grant === undefined) {
    return {
      effect: 'deny',
      rule: 'no-rule',
      reason: `no policy rule allows ${question.tool}`,
      hint: 'the operator can add a rule',
    }
  }
  const isAllowed = found.some(({ effect, fit }) => effect === 'allow' && fit !== 'maybe')
  const asked = found.filter(({ effect, fit }) => effect === 'approve' && !(isAllowed && fit === 'open'))
  const [approve] = asked
  if (approve === undefined) return byRule(grant, question)
  const terms = asked.flatMap(({ approval }) => approval ?? [])
  return { ...byRule(approve, question), ...(terms.length > 0 && { terms }) }
}

const byRule = ({ effect, id }: Rule, { risk }: Question): Decision => ({
  effect,
  rule: id,
  reason: `rule ${id} says ${effect} for ${risk} calls`,
})

type FittingRule = Rule & { readonly fit: Fit }

/** Every rule that names the call, in their order, with how well its conditions fit. */
function rulesThatFit(policy: Policy, question: Question): readonly FittingRule[] {
  const fitting: FittingRule[] = []
  for (const ready of rulesFor(policy, question.tool)) {
    if (mismatch(ready, question) !== undefined) continue
    const fit = conditionsFit(ready.rule, question)
    if (fit !== 'no') fitting.push({ ...ready.rule, fit })
  }
  return fitting
}

/** How well a call fits the conditions of a rule. */
export function conditionsFit({ when, unless }: Rule, circumstances: Circumstances): Fit {
  if (when === undefined && unless === undefined) return 'yes'
  return every([
    when === undefined ? 'yes' : fitOf(when, circumstances),
    unless === undefined ? 'yes' : opposite(fitOf(unless, circumstances)),
  ])
}

/** The list of a rule that does not name the call; undefined when all do. */
export function mismatch(
  { rule, isTarget, isRole }: ReadyRule,
  { risk, capability, target, caller }: Omit<Question, 'at'>,
): 'risks' | 'capabilities' | 'targets' | 'roles' | 'who' | undefined {
  if (rule.risks?.includes(risk) === false) return 'risks'
  if (rule.capabilities?.includes(capability) === false) return 'capabilities'
  if (isTarget?.(target) === false) return 'targets'
  if (isRole?.(caller) === false) return 'roles'
  return rule.who === undefined || isNamed(rule.who, caller) ? undefined : 'who'
}

/** A rule made ready to be asked. */
export interface ReadyRule {
  readonly rule: Rule
  readonly isTarget: ((target: Target) => boolean) | undefined
  readonly isRole: ((caller: Caller) => boolean) | undefined
}

interface ReadyPolicy {
  readonly rules: readonly ReadyRule[]
  readonly byTool: Map<string, readonly ReadyRule[]>
}

const ready = new WeakMap<Policy, ReadyPolicy>()

/** The rules that name a tool, in their order; made ready once for each policy. */
export function rulesFor(policy: Policy, tool: string): readonly ReadyRule[] {
  const known = ready.get(policy) ?? { rules: policy.rules.map((rule) => readyRule(policy, rule)), byTool: new Map() }
  ready.set(policy, known)
  const { byTool, rules } = known
  const found = byTool.get(tool) ?? rules.filter(({ rule }) => namesTool(rule, tool))
  byTool.set(tool, found)
  return found
}

/** Whether the answer for a tool depends on which guest is meant. */
export const asksForGuest = (policy: Policy, tool: string): boolean =>
  rulesFor(policy, tool).some(({ rule: { when, unless } }) => (when?.guests ?? unless?.guests) !== undefined)

/** Whether a rule names a tool. */
export const namesTool = ({ tools }: Pick<Rule, 'tools'>, tool: string): boolean =>
  tools?.some((name) => matchesGlob(tool, name)) ?? true

function readyRule({ roles = [] }: Policy, rule: Rule): ReadyRule {
  const meant = roles.filter(({ id }) => rule.roles?.includes(id) === true)
  return {
    rule,
    isTarget: rule.targets && targetSelector(rule.targets),
    isRole: rule.roles && ((caller) => meant.some(({ who }) => isNamed(who, caller))),
  }
}

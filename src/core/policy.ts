import type { Fit } from './policy-conditions.ts'
import type { Decision, Policy, Question, Rule } from './policy-model.ts'
import { refusalByRights } from './policy-rights.ts'
import { conditionsFit, rulesThatName } from './policy-rules.ts'

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
  const grant = found.find(({ rule: { effect }, fit }) => effect !== 'deny' && fit !== 'maybe')
  const denied = found.find(({ rule: { effect }, fit }) => effect === 'deny' && fit !== 'open')
  if (denied !== undefined) return byRule(denied.rule, question)
  if (grant === undefined) {
    return {
      effect: 'deny',
      rule: 'no-rule',
      reason: `no policy rule allows ${question.tool}`,
      hint: 'the operator can add a rule',
    }
  }
  const allow = found.find(({ rule: { effect }, fit }) => effect === 'allow' && fit !== 'maybe')
  const asked = found.filter(({ rule: { effect }, fit }) => effect === 'approve' && !(allow && fit === 'open'))
  const [approve] = asked
  if (approve === undefined) return byRule((allow ?? grant).rule, question)
  const terms = asked.flatMap(({ rule: { approval } }) => approval ?? [])
  return { ...byRule(approve.rule, question), ...(terms.length > 0 && { terms }) }
}

const byRule = ({ effect, id }: Rule, { risk }: Question): Decision => ({
  effect,
  rule: id,
  reason: `rule ${id} says ${effect} for ${risk} calls`,
  ...(effect === 'deny' && { hint: `the operator can change rule ${id}; explain_policy tells more` }),
})

interface FittingRule {
  readonly rule: Rule
  readonly fit: Fit
}

/** Every rule that names the call, in their order, with how well its conditions fit. */
function rulesThatFit(policy: Policy, question: Question): readonly FittingRule[] {
  const fitting: FittingRule[] = []
  for (const rule of rulesThatName(policy, question)) {
    const fit = conditionsFit(rule, question)
    if (fit !== 'no') fitting.push({ rule, fit })
  }
  return fitting
}

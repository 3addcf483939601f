import { decide } from './policy.ts'
import { type Conditions, fitOf } from './policy-conditions.ts'
import type { Decision, Policy, Question, Rule } from './policy-model.ts'
import { refusalByRights } from './policy-rights.ts'
import { conditionsFit, mismatch, rulesFor } from './policy-rules.ts'

/** A decision, and how each rule that names the tool stands to it. */
export interface Explanation {
  readonly decision: Decision
  readonly rules: readonly RuleView[]
  /** What would change the answer, one sentence each. */
  readonly changes: readonly string[]
}

/** How a rule stands to a call. */
export interface RuleView {
  readonly id: string
  readonly effect: Rule['effect']
  /** `maybe`: it cannot be told. `open`: it depends on arguments, or on the guest, that were not given. */
  readonly fits: 'yes' | 'no' | 'maybe' | 'open'
  /** What of the rule does not name the call. */
  readonly because?: string | undefined
}

const strictness = { allow: 0, approve: 1, deny: 2 } as const

/** Which rule decides, why, and what would change it. */
export function explain(policy: Policy, question: Question): Explanation {
  const decision = decide(policy, question)
  const rules = rulesFor(policy, question.tool).map(({ rule, ...ready }): RuleView => {
    const list = mismatch({ rule, ...ready }, question)
    const { id, effect } = rule
    if (list !== undefined) return { id, effect, fits: 'no', because: becauseOfList(rule, list, question) }
    const fits = conditionsFit(rule, question)
    return { id, effect, fits, because: fits === 'yes' ? undefined : becauseOfConditions(rule, question) }
  })
  return { decision, rules, changes: changesTo(policy, question, { decision, rules }) }
}

function changesTo(
  policy: Policy,
  question: Question,
  { decision, rules }: Pick<Explanation, 'decision' | 'rules'>,
): readonly string[] {
  if (refusalByRights(policy, question) !== undefined) return decision.hint === undefined ? [] : [decision.hint]
  if (decision.effect === 'allow') return openOnes(rules)
  const approval = decision.effect === 'approve' ? ['tailops approvals approve ID, once the call has asked'] : []
  const isNarrow = (id: string) => {
    const rule = policy.rules.find((one) => one.id === id)
    return rule?.when !== undefined || rule?.unless !== undefined
  }
  const standing = rules
    .filter(({ effect, fits, id }) => effect === 'deny' && fits !== 'no' && fits !== 'open' && isNarrow(id))
    .map(({ id }) => `a call that the conditions of rule ${id} do not fit`)
  const better = rules
    .filter(({ effect, fits }) => fits === 'no' && strictness[effect] < strictness[decision.effect])
    .slice(0, 5)
    .map(({ id, effect, because }) => `rule ${id} would ${effect} it, but for its ${because}`)
  const last = decision.effect === 'deny' ? [operatorCan(decision)] : []
  return [...approval, ...standing, ...better, ...openOnes(rules), ...last]
}

const operatorCan = ({ rule }: Decision): string =>
  rule === 'no-rule' ? 'the operator can add a rule that allows it' : `the operator can change rule ${rule}`

const openOnes = (rules: readonly RuleView[]): readonly string[] => {
  const open = rules.filter(({ fits }) => fits === 'open').map(({ id }) => id)
  return open.length === 0 ? [] : [`it depends on the arguments, which rule ${open.join(', ')} asks for`]
}

const becauseOfList = (rule: Rule, list: NonNullable<ReturnType<typeof mismatch>>, question: Question): string => {
  const asked = list === 'who' ? '' : ` [${rule[list]?.join(', ')}]`
  const is = { risks: question.risk, capabilities: question.capability, targets: question.target.id } as const
  return `${list}${asked}; this is ${list === 'roles' || list === 'who' ? question.caller.id : is[list]}`
}

/** The conditions that do not plainly hold: `when.arguments.path, unless.times`. */
function becauseOfConditions({ when, unless }: Rule, question: Question): string {
  const failing = partsOf(when).filter(([, part]) => fitOf(part, question) !== 'yes')
  const holding = partsOf(unless).filter(([, part]) => fitOf(part, question) !== 'no')
  return [...failing.map(([name]) => `when.${name}`), ...holding.map(([name]) => `unless.${name}`)].join(', ')
}

/** Each condition by itself, with its name. */
function partsOf(conditions: Conditions | undefined): readonly (readonly [string, Conditions])[] {
  if (conditions === undefined) return []
  const { arguments: asked = {}, commands, guests, times } = conditions
  return [
    ...Object.entries(asked).map(([name, one]) => [`arguments.${name}`, { arguments: { [name]: one } }] as const),
    ...(commands === undefined ? [] : [['commands', { commands }] as const]),
    ...(guests === undefined ? [] : [['guests', { guests }] as const]),
    ...(times === undefined ? [] : [['times', { times }] as const]),
  ]
}

import { matchesGlob } from '../lib/glob.ts'
import { type Circumstances, every, type Fit, fitOf, opposite } from './policy-conditions.ts'
import type { Policy, Question, Role, Rule } from './policy-model.ts'
import { isNamed } from './policy-who.ts'
import type { Caller, Target } from './target.ts'
import { targetSelector } from './target-selector.ts'

/** A rule made ready to be asked. */
export interface ReadyRule {
  readonly rule: Rule
  isTarget(target: Target): boolean
  isRole(caller: Caller): boolean
}

/** The list of a rule that does not name the call; undefined when all do. */
export const mismatch = (ready: ReadyRule, question: Question): Mismatch | undefined =>
  ready.isTarget(question.target) ? otherMismatch(ready, question) : 'targets'

type Mismatch = 'risks' | 'capabilities' | 'targets' | 'roles' | 'who'

function otherMismatch({ rule, isRole }: ReadyRule, { risk, capability, caller }: Question): Mismatch | undefined {
  if (rule.risks?.includes(risk) === false) return 'risks'
  if (rule.capabilities?.includes(capability) === false) return 'capabilities'
  if (!isRole(caller)) return 'roles'
  return rule.who === undefined || isNamed(rule.who, caller) ? undefined : 'who'
}

/** How well a call fits the conditions of a rule. */
export function conditionsFit({ when, unless }: Rule, circumstances: Circumstances): Fit {
  if (unless === undefined) return when === undefined ? 'yes' : fitOf(when, circumstances)
  const but = opposite(fitOf(unless, circumstances))
  return when === undefined ? but : every([fitOf(when, circumstances), but])
}

/** Whether the answer for a tool depends on which guest is meant. */
export const asksForGuest = (policy: Policy, tool: string): boolean =>
  rulesFor(policy, tool).some(({ rule: { when, unless } }) => (when?.guests ?? unless?.guests) !== undefined)

interface ReadyPolicy {
  readonly rules: readonly ReadyRule[]
  /** Of a tool, which rules name it: a byte a rule. */
  readonly byTool: Map<string, Uint8Array>
  /** Of a target, the indexes of the rules that name it. They do not change while the target lasts. */
  readonly byTarget: WeakMap<Target, Uint32Array>
}

const known = new WeakMap<Policy, ReadyPolicy>()

/** Made once for each policy. */
function readyPolicy(policy: Policy): ReadyPolicy {
  const found = known.get(policy) ?? { rules: readyRules(policy), byTool: new Map(), byTarget: new WeakMap() }
  known.set(policy, found)
  return found
}

/** The rules that name a tool, in their order. */
export function rulesFor(policy: Policy, tool: string): readonly ReadyRule[] {
  const { rules, byTool } = readyPolicy(policy)
  const named = namedIn({ rules, byTool }, tool)
  return rules.filter((_, index) => named[index] === 1)
}

/** The rules whose lists all name the call, in their order. */
export function rulesThatName(policy: Policy, question: Question): readonly Rule[] {
  const ready = readyPolicy(policy)
  const named = namedIn(ready, question.tool)
  const found: Rule[] = []
  for (const index of indexesOn(ready, question.target)) {
    const rule = named[index] === 1 ? ready.rules[index] : undefined
    if (rule !== undefined && otherMismatch(rule, question) === undefined) found.push(rule.rule)
  }
  return found
}

function namedIn({ rules, byTool }: Pick<ReadyPolicy, 'rules' | 'byTool'>, tool: string): Uint8Array {
  const found = byTool.get(tool) ?? Uint8Array.from(rules, ({ rule }) => (namesTool(rule, tool) ? 1 : 0))
  byTool.set(tool, found)
  return found
}

function indexesOn({ rules, byTarget }: ReadyPolicy, target: Target): Uint32Array {
  const found = byTarget.get(target) ?? Uint32Array.from(rules.flatMap((one, at) => (one.isTarget(target) ? [at] : [])))
  byTarget.set(target, found)
  return found
}

const namesTool = ({ tools }: Rule, tool: string): boolean => tools?.some((name) => matchesGlob(tool, name)) ?? true

function readyRules({ roles = [], rules }: Policy): readonly ReadyRule[] {
  const held = lastAsked((caller: Caller) => new Set(rolesOf(roles, caller)))
  return rules.map((rule): ReadyRule => {
    const { targets, roles: asked } = rule
    return {
      rule,
      isTarget: targets === undefined ? () => true : targetSelector(targets),
      isRole: asked === undefined ? () => true : (caller) => asked.some((role) => held(caller).has(role)),
    }
  })
}

const rolesOf = (roles: readonly Role[], caller: Caller): readonly string[] =>
  roles.filter(({ who }) => isNamed(who, caller)).map(({ id }) => id)

/** The same function, which keeps its last answer: the rules of a policy are asked one after the other about one call. */
function lastAsked<A extends object, R>(answer: (asked: A) => R): (asked: A) => R {
  let last: { readonly asked: A; readonly answer: R } | undefined
  return (asked) => {
    if (last?.asked !== asked) last = { asked, answer: answer(asked) }
    return last.answer
  }
}

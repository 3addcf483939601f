import { defaultPolicy, type Policy, type Rule } from '../core/policy.ts'
import { targetKinds } from '../core/target.ts'
import { groupOf } from '../core/target-selector.ts'
import { conditionFindings } from './policy-conditions.ts'
import { policySchema, type RawPolicy } from './policy-schema.ts'
import type { PolicySurroundings } from './policy-surroundings.ts'
import { runTests, type TestEnd } from './policy-tests.ts'
import { toolsFindings } from './policy-tools.ts'
import { type Finding, type Path, pathText, quoted } from './problem.ts'
import { section } from './section.ts'
import { suggest } from './suggest.ts'

/** The content of policy.yaml as plain values. */
export interface PolicyContent {
  readonly value: unknown
  readonly substituted: (path: Path) => boolean
}

/** A policy and what is wrong with it. */
export interface CheckedPolicy {
  readonly policy: Policy
  readonly findings: readonly Finding[]
  /** How its tests ended; undefined where they could not be asked. */
  readonly tests: readonly TestEnd[] | undefined
}

/** Checks a policy against its schema, the tools and the targets, and runs its tests where nothing else is wrong. */
export function checkPolicy(content: PolicyContent, surroundings: PolicySurroundings): CheckedPolicy {
  const { sound, parsed, findings } = section(policySchema, { ...content, path: [] })
  const raw = parsed ?? sound
  if (raw === undefined) return { policy: defaultPolicy, findings, tests: undefined }
  const policy = policyOf(raw)
  const wrong = [...findings, ...crossFindings(raw, surroundings)]
  if (wrong.some(({ severity }) => severity === 'error')) return { policy, findings: wrong, tests: undefined }
  const tests = runTests(policy, raw.tests ?? [], surroundings)
  return { policy, findings: [...wrong, ...tests.flatMap(({ finding }) => finding ?? [])], tests }
}

function policyOf({ roles, rules }: RawPolicy): Policy {
  return {
    ...(roles && { roles: Object.entries(roles).map(([id, role]) => ({ id, ...role })) }),
    rules: rules === undefined ? defaultPolicy.rules : rules.map(ruleOf),
  }
}

function ruleOf({ approval, ...rule }: NonNullable<RawPolicy['rules']>[number]): Rule {
  if (approval === undefined) return rule
  return { ...rule, approval: { by: approval.by, forMs: approval.for } }
}

function crossFindings({ roles = {}, rules = [] }: RawPolicy, surroundings: PolicySurroundings): readonly Finding[] {
  const ids = rules.map(({ id }) => id)
  return [
    ...Object.entries(roles).flatMap(([name, { may }]) =>
      may.flatMap(({ targets }, at) => targetFindings(['roles', name, 'may', at, 'targets'], targets, surroundings)),
    ),
    ...Object.entries(roles).flatMap(([name, role]) => emptyFindings(['roles', name], role)),
    ...rules.flatMap((rule, at) => [
      ...emptyFindings(['rules', at], rule),
      ...idFindings(['rules', at, 'id'], rule.id, ids.indexOf(rule.id) < at),
      ...roleFindings(['rules', at, 'roles'], rule.roles, Object.keys(roles)),
      ...targetFindings(['rules', at, 'targets'], rule.targets, surroundings),
      ...toolsFindings(['rules', at, 'tools'], rule.tools, surroundings),
      ...conditionFindings(['rules', at], rule, surroundings),
    ]),
  ]
}

/** Lists and maps with nothing in them: a rule that names nothing would silently never fit. No `args` are no arguments. */
function emptyFindings(path: Path, value: unknown): readonly Finding[] {
  if (typeof value !== 'object' || value === null || path.at(-1) === 'args') return []
  const below = Object.entries(value)
  if (below.length > 0)
    return below.flatMap(([key, field]) => emptyFindings([...path, Array.isArray(value) ? Number(key) : key], field))
  const what = `${pathText(path)} is empty: it names nothing`
  return [{ severity: 'error', path, what, hint: 'leave the key out, or write something' }]
}

/** What decisions say where no rule decided. */
const reserved = ['grant', 'scope', 'role', 'no-rule', 'origin']

function idFindings(path: Path, id: string, isTaken: boolean): readonly Finding[] {
  const what = isTaken ? 'stands twice' : reserved.includes(id) ? 'has a meaning of its own in answers' : undefined
  return what === undefined
    ? []
    : [{ severity: 'error', path, what: `rule id ${quoted(id)} ${what}`, hint: 'give it another id' }]
}

const roleFindings = (path: Path, asked: readonly string[] = [], known: readonly string[]): readonly Finding[] =>
  asked.flatMap((role, at): readonly Finding[] => {
    if (known.includes(role)) return []
    const near = suggest(role, known)
    const hint = near === undefined ? `roles of this file: ${known.join(', ') || 'none'}` : `did you mean ${near}?`
    return [{ severity: 'error', path: [...path, at], what: `${quoted(role)} is no role of this file`, hint }]
  })

function targetFindings(
  path: Path,
  selectors: readonly string[] = [],
  { targets }: PolicySurroundings,
): readonly Finding[] {
  return selectors.flatMap((selector, at): readonly Finding[] => {
    const place = [...path, at]
    const group = groupOf(selector)
    const [, kind] = /^kind:(.*)$/.exec(selector) ?? []
    if (kind !== undefined && !targetKinds.some((known) => known === kind))
      return [
        { severity: 'error', path: place, what: `${quoted(kind)} is no kind`, hint: `use ${targetKinds.join(', ')}` },
      ]
    if (targets.some((target) => target.id === selector || group?.(target) === true)) return []
    if (group !== undefined || selector.startsWith('pve:')) {
      const hint = 'it may name guests that discovery finds; else correct it'
      return [{ severity: 'warning', path: place, what: `${quoted(selector)} names no target of targets.yaml`, hint }]
    }
    const near = suggest(
      selector,
      targets.map(({ id }) => id),
    )
    const hint = near === undefined ? 'name a target of targets.yaml' : `did you mean ${near}?`
    return [{ severity: 'error', path: place, what: `${pathText(place)} ${quoted(selector)} is no target`, hint }]
  })
}

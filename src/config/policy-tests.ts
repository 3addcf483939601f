import { capabilities } from '../core/capability.ts'
import { type Decision, decide, type Policy } from '../core/policy.ts'
import { questionOf } from '../core/policy-question.ts'
import type { Caller, Target } from '../core/target.ts'
import { capabilityOn, type Tool, worksOn } from '../core/tool.ts'
import type { RawTest } from './policy-schema.ts'
import type { PolicySurroundings } from './policy-surroundings.ts'
import { type Finding, type Path, quoted } from './problem.ts'
import { suggest } from './suggest.ts'

/** A test that was run: what is wrong, or undefined. */
export interface TestEnd {
  readonly name: string
  readonly finding: Finding | undefined
}

/** Asks a policy what each test asks. */
export function runTests(
  policy: Policy,
  tests: readonly RawTest[],
  surroundings: PolicySurroundings,
): readonly TestEnd[] {
  return tests.map((test, at) => {
    const path = ['tests', at]
    const name = test.name ?? `tests[${at}]`
    const subject = subjectOf(path, test, surroundings)
    if ('finding' in subject) return { name, finding: subject.finding }
    return { name, finding: difference(path, { test, name, decision: decisionOf(policy, test, subject) }) }
  })
}

interface Asked {
  readonly test: RawTest
  readonly name: string
  readonly decision: Decision
}

function difference(path: Path, { test, name, decision }: Asked): Finding | undefined {
  const { effect, rule, reason } = decision
  const isMet = effect === test.expect && (test.rule === undefined || rule === test.rule)
  if (isMet) return undefined
  const wanted = test.rule === undefined ? test.expect : `${test.expect} by ${test.rule}`
  const what = `test ${quoted(name)} fails: it expects ${wanted}, the policy says ${effect} by ${rule} (${reason})`
  const hint = decision.rule === test.rule || effect !== 'deny' ? changeIt : (decision.hint ?? changeIt)
  return { severity: 'error', path, what, hint }
}

const changeIt = 'change the rules or the test'

interface Subject {
  readonly tool: Tool
  readonly target: Target
  readonly input: Readonly<Record<string, unknown>>
}

function subjectOf(
  path: Path,
  { tool: name, target: id, arguments: given }: RawTest,
  { tools, targets }: PolicySurroundings,
): Subject | { readonly finding: Finding } {
  const tool = tools.find((candidate) => candidate.name === name)
  if (tool === undefined)
    return unknown(
      [...path, 'tool'],
      `${quoted(name)} is no tool`,
      suggest(
        name,
        tools.map((known) => known.name),
      ),
    )
  const target = targets.find((candidate) => candidate.id === id)
  if (target === undefined)
    return unknown(
      [...path, 'target'],
      `${quoted(id)} is no target of targets.yaml`,
      suggest(
        id,
        targets.map((known) => known.id),
      ),
    )
  if (!worksOn(tool, target.kind) || capabilityOn(tool, target.kind) === undefined)
    return unknown([...path, 'target'], `${name} is not decided on ${id}, a ${target.kind} target`)
  const parsed = tool.input.strict().safeParse(given ?? {})
  if (parsed.success) return { tool, target, input: parsed.data }
  const [issue] = parsed.error.issues
  const where = issue?.path.join('.') || 'arguments'
  return unknown([...path, 'arguments'], `no call of ${name}: ${where}: ${issue?.message ?? 'wrong'}`)
}

const unknown = (path: Path, what: string, near?: string): { readonly finding: Finding } => ({
  finding: { severity: 'error', path, what, hint: near === undefined ? 'correct the test' : `did you mean ${near}?` },
})

/** A Monday, at noon. */
const usualTime = new Date('2026-01-05T12:00:00Z')

function decisionOf(policy: Policy, test: RawTest, { tool, target, input }: Subject): Decision {
  const { guest: named, at: when } = test
  const guest = named === undefined ? 'none' : { ...named, tags: named.tags ?? [] }
  const at = when === undefined ? usualTime : new Date(when)
  const question = questionOf(tool, target, { caller: callerOf(test), input, guest, at })
  if (question === undefined) return { effect: 'allow', rule: 'origin', reason: 'as the call that made it' }
  return decide(policy, question)
}

function callerOf({ caller: { id, scopes, login, groups = [], tags = [] } }: RawTest): Caller {
  if (login === undefined && groups.length + tags.length === 0) return { id, scopes: scopes ?? capabilities }
  // With scopes it is a login whose provider gives them, which binds it even where it gave none.
  return { id, scopes: scopes ?? [], proof: { kind: 'oidc', login, groups, tags, givesScopes: scopes !== undefined } }
}

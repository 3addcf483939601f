import { expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { type Capability, capabilities } from '../../src/core/capability.ts'
import { type Decision, decide, type Policy, type Question, type Rule } from '../../src/core/policy.ts'
import { termsOf } from '../../src/core/policy-terms.ts'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import type { Risk } from '../../src/core/tool.ts'

// Many thousand decisions, on a machine that may be busy.
setDefaultTimeout(30_000)

const few = <T>(...values: readonly T[]) => fc.option(fc.subarray([...values], { minLength: 1 }), { nil: undefined })
const used: readonly Capability[] = ['system:read', 'service:control', 'file:write']
const who = fc.record({ callers: few('token:a', 'cli:*', '*'), groups: few('ops', 'dev') })
const conditions = fc.option(
  fc.record(
    {
      arguments: fc.constantFrom(
        { n: { max: 3 } },
        { n: { min: 2 } },
        { path: { under: ['/etc'] } },
        { path: { matches: '/v.*' } },
      ),
      times: fc.constant([{ from: 0, to: 720, zone: 'UTC' }]),
      guests: fc.constantFrom(['db'], ['tag:x'], ['7']),
    },
    { requiredKeys: [] },
  ),
  { nil: undefined },
)
const rule = (id: string): fc.Arbitrary<Rule> =>
  fc.record({
    id: fc.constant(id),
    effect: fc.constantFrom('allow', 'approve', 'deny'),
    who: fc.option(who, { nil: undefined }),
    tools: few('tool_a', 'tool_*', 'other'),
    capabilities: few(...used),
    risks: few<Risk>('read', 'write'),
    targets: few('box', 'tag:web', 'b*', 'all', 'elsewhere'),
    when: conditions,
    unless: conditions,
    approval: fc.option(fc.record({ by: few('cli:0', 'cli:1'), forMs: fc.constantFrom(1000, 60_000) }), {
      nil: undefined,
    }),
  })
const rules = fc
  .integer({ min: 0, max: 8 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, at) => rule(`r${at}`))))

const target: Target = {
  id: 'box',
  kind: 'ssh',
  tags: ['web'],
  capabilities: ['system:read', 'service:control'],
  constraints: defaultConstraints,
}
const question: fc.Arbitrary<Question> = fc.record({
  caller: fc.record({
    id: fc.constantFrom('token:a', 'cli:0', 'token:b'),
    scopes: fc.constantFrom<readonly Capability[]>(capabilities, ['system:read'], []),
    proof: fc.constantFrom(undefined, { kind: 'oidc' as const, groups: ['ops'], tags: [] }),
  }),
  tool: fc.constantFrom('tool_a', 'tool_b'),
  capability: fc.constantFrom(...used),
  risk: fc.constantFrom<Risk>('read', 'write'),
  target: fc.constant(target),
  at: fc.constantFrom(new Date('2026-01-05T06:00:00Z'), new Date('2026-01-05T18:00:00Z')),
  input: fc.constantFrom({}, { n: 1 }, { n: 5 }, { n: [1, 5] }, { path: '/etc/x' }, { path: ['/etc/x', '/var/x'] }),
  guest: fc.constantFrom('none' as const, { vmid: 7, name: 'db', tags: [] }, { vmid: 8, name: 'w', tags: ['x'] }),
})
const roles = fc.option(
  fc.array(
    fc.record({
      id: fc.constantFrom('one', 'two'),
      who,
      may: fc.array(fc.record({ capabilities: fc.subarray([...used]), targets: few('box', 'tag:web', 'tag:db') })),
    }),
    { maxLength: 2 },
  ),
  { nil: undefined },
)
const policies: fc.Arbitrary<Policy> = fc.record({ roles, rules })
const strictness = { allow: 0, approve: 1, deny: 2 } as const
const said = (decision: Decision) => ({ effect: decision.effect, terms: termsOf([decision]) })

test('the order of the rules does not matter', () => {
  fc.assert(
    fc.property(policies, question, fc.infiniteStream(fc.nat()), (policy, asked, keys) => {
      const shuffled = policy.rules
        .map((one) => ({ one, key: keys.next().value ?? 0 }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ one }) => one)
      expect(said(decide({ ...policy, rules: shuffled }, asked))).toEqual(said(decide(policy, asked)))
    }),
  )
})

test('a rule that denies, or asks for approval, never makes an answer milder', () => {
  fc.assert(
    fc.property(policies, question, rule('new'), (policy, asked, added) => {
      const before = decide(policy, asked).effect
      const deny = decide({ ...policy, rules: [...policy.rules, { ...added, effect: 'deny' }] }, asked).effect
      expect(strictness[deny]).toBeGreaterThanOrEqual(strictness[before])
      if (before === 'deny') return
      const approve = decide({ ...policy, rules: [...policy.rules, { ...added, effect: 'approve' }] }, asked).effect
      expect(strictness[approve]).toBeGreaterThanOrEqual(strictness[before])
    }),
  )
})

test('a rule that allows never makes an answer stricter', () => {
  fc.assert(
    fc.property(policies, question, rule('new'), (policy, asked, added) => {
      const before = decide(policy, asked).effect
      const after = decide({ ...policy, rules: [...policy.rules, { ...added, effect: 'allow' }] }, asked).effect
      expect(strictness[after]).toBeLessThanOrEqual(strictness[before])
    }),
  )
})

test('nothing is allowed, or can be approved, that the target does not grant', () => {
  fc.assert(
    fc.property(policies, question, (policy, asked) => {
      const { effect } = decide(policy, { ...asked, target: { ...target, capabilities: [] } })
      expect(effect).toBe('deny')
    }),
  )
})

test('a rule that denies everything leaves nothing', () => {
  fc.assert(
    fc.property(policies, question, (policy, asked) => {
      expect(decide({ ...policy, rules: [{ id: 'stop', effect: 'deny' }, ...policy.rules] }, asked).effect).toBe('deny')
    }),
  )
})

test('more to ask never makes an answer milder: what is left open is the mildest', () => {
  fc.assert(
    fc.property(policies, question, (policy, { input: _, guest: __, ...open }) => {
      fc.assert(
        fc.property(question, ({ input, guest }) => {
          const closed = decide(policy, { ...open, input, guest }).effect
          expect(strictness[closed]).toBeGreaterThanOrEqual(strictness[decide(policy, open).effect])
        }),
        { numRuns: 10 },
      )
    }),
  )
})

test('where a rule that asks for approval depends on what is not known yet, another that allows is the answer', () => {
  const asks: Rule = { id: 'asks', effect: 'approve', when: { guests: ['db'] } }
  const allows: Rule = { id: 'allows', effect: 'allow' }
  const caller = { id: 'token:a', scopes: capabilities }
  const at = new Date('2026-01-05T06:00:00Z')
  const asked: Question = { caller, tool: 'tool_a', capability: 'system:read', risk: 'read', target, at }
  expect(decide({ rules: [asks, allows] }, asked)).toMatchObject({ effect: 'allow', rule: 'allows' })
  expect(decide({ rules: [asks] }, asked)).toMatchObject({ effect: 'approve', rule: 'asks' })
})

import { describe, expect, test } from 'bun:test'
import { type Capability, capabilities } from '../../src/core/capability.ts'
import { decide, defaultPolicy, type Rule } from '../../src/core/policy.ts'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import type { Risk } from '../../src/core/tool.ts'

const risks: readonly Risk[] = ['read', 'probe', 'write', 'destructive']
const target = (granted: readonly Capability[]): Target => ({
  id: 'box',
  kind: 'local',
  tags: [],
  capabilities: granted,
  constraints: defaultConstraints,
})
const ask = (granted: readonly Capability[], scopes: readonly Capability[], risk: Risk, rules?: readonly Rule[]) =>
  decide(rules === undefined ? defaultPolicy : { rules }, {
    at: new Date(0),
    caller: { id: 'alice', scopes },
    tool: 'do_it',
    capability: 'file:write',
    risk,
    target: target(granted),
  })

describe('policy', () => {
  test('grants nothing that the target does not list, whatever the caller holds', () => {
    for (const risk of risks) expect(ask([], capabilities, risk)).toMatchObject({ effect: 'deny', rule: 'grant' })
  })

  test('grants nothing that the caller does not hold, whatever the target lists', () => {
    for (const risk of risks) expect(ask(capabilities, [], risk)).toMatchObject({ effect: 'deny', rule: 'scope' })
  })

  test('without a policy file allows reads and has every change approved', () => {
    const effects = risks.map((risk) => ask(['file:write'], ['file:write'], risk).effect)
    expect(effects).toEqual(['allow', 'allow', 'approve', 'approve'])
  })

  test('lets deny win over approve and approve over allow, in any order of the rules', () => {
    const allow = { id: 'a', effect: 'allow' } as const
    const approve = { id: 'b', effect: 'approve' } as const
    const deny = { id: 'c', effect: 'deny' } as const
    const decided = (...rules: readonly Rule[]) => ask(['file:write'], ['file:write'], 'write', rules).rule
    expect(decided(allow, approve, deny)).toBe('c')
    expect(decided(deny, allow)).toBe('c')
    expect(decided(allow, approve)).toBe('b')
    expect(decided(approve, allow)).toBe('b')
    expect(decided(allow)).toBe('a')
  })

  test('denies what no rule names', () => {
    expect(
      ask(['file:write'], ['file:write'], 'write', [{ id: 'other', effect: 'allow', tools: ['x'] }]),
    ).toMatchObject({
      effect: 'deny',
      rule: 'no-rule',
    })
  })

  test('says with every refusal what would change it', () => {
    for (const decision of [
      ask([], [], 'read'),
      ask(['file:write'], [], 'read'),
      ask(['file:write'], ['file:write'], 'read', []),
    ]) {
      expect(decision.hint).toBeString()
    }
  })
})

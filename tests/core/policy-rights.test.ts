import { describe, expect, test } from 'bun:test'
import { type Capability, capabilities } from '../../src/core/capability.ts'
import { decide, type Policy } from '../../src/core/policy.ts'
import { isNamed } from '../../src/core/policy-who.ts'
import { type Caller, type CallerProof, defaultConstraints, type Target } from '../../src/core/target.ts'

const target = (id: string, tags: readonly string[] = [], granted: readonly Capability[] = capabilities): Target => ({
  id,
  kind: 'ssh',
  tags,
  capabilities: granted,
  constraints: defaultConstraints,
})
const login = (who: string, more: Partial<CallerProof> = {}, scopes: readonly Capability[] = []): Caller => ({
  id: `oidc:${who}`,
  scopes,
  proof: { kind: 'oidc', login: who, groups: [], tags: [], ...more },
})
const policy: Policy = {
  roles: [
    {
      id: 'operator',
      who: { logins: ['ada@example.org'], groups: ['ops'] },
      may: [{ capabilities: ['service:control'], targets: ['tag:web'] }, { capabilities: ['system:read'] }],
    },
    { id: 'robot', who: { tags: ['tag:ci'], callers: ['token:bot'] }, may: [{ capabilities: ['system:read'] }] },
  ],
  rules: [{ id: 'all', effect: 'allow' }],
}
const ask = (caller: Caller, capability: Capability, on: Target = target('web-1', ['web'])) => {
  const { effect, rule } = decide(policy, {
    caller,
    tool: 'x',
    capability,
    risk: 'write',
    target: on,
    at: new Date(0),
    input: {},
  })
  return `${effect} ${rule}`
}

describe('with roles', () => {
  test('a login without scopes of ours may do what its roles say, where they say it', () => {
    const ada = login('ada@example.org')
    expect(ask(ada, 'service:control')).toBe('allow all')
    expect(ask(ada, 'service:control', target('db-1'))).toBe('deny role')
    expect(ask(ada, 'system:read', target('db-1'))).toBe('allow all')
    expect(ask(ada, 'file:write')).toBe('deny role')
    expect(ask(login('bob@example.org', { groups: ['ops'] }), 'service:control')).toBe('allow all')
    expect(ask(login('eve@example.org'), 'system:read')).toBe('deny role')
  })

  test('scopes bound a caller that has any, whatever its roles', () => {
    const ada = login('ada@example.org', {}, ['system:read'])
    expect(ask(ada, 'system:read')).toBe('allow all')
    expect(ask(ada, 'service:control')).toBe('deny scope')
  })

  test('a login without scopes holds nothing where who vouches for it gives them: it asked for none', () => {
    const ada = login('ada@example.org', { givesScopes: true })
    expect(ask(ada, 'system:read')).toBe('deny scope')
    expect(ask(login('ada@example.org', { givesScopes: true }, ['system:read']), 'system:read')).toBe('allow all')
    expect(ask(login('ada@example.org', { givesScopes: false }), 'system:read')).toBe('allow all')
  })

  test('a token needs both: the scope and a role', () => {
    const bot = (scopes: readonly Capability[]): Caller => ({ id: 'token:bot', scopes })
    expect(ask(bot(['system:read']), 'system:read')).toBe('allow all')
    expect(ask(bot([]), 'system:read')).toBe('deny scope')
    expect(ask(bot(capabilities), 'service:control')).toBe('deny role')
    expect(ask({ id: 'token:other', scopes: capabilities }, 'system:read')).toBe('deny role')
  })

  test('no role gives what the target does not grant', () => {
    expect(ask(login('ada@example.org'), 'system:read', target('web-1', ['web'], []))).toBe('deny grant')
  })

  test('the refusal names the roles that would do', () => {
    const { hint } = decide(policy, {
      caller: login('eve@example.org'),
      tool: 'x',
      capability: 'system:read',
      risk: 'read',
      target: target('a'),
      at: new Date(0),
    })
    expect(hint).toContain('operator or robot')
  })
})

describe('who', () => {
  test('is named by any list, and only by what is vouched for', () => {
    const who = { logins: ['*@example.org'], groups: ['ops'], tags: ['tag:ci'], callers: ['cli:*'] }
    expect(isNamed(who, login('a@example.org'))).toBe(true)
    expect(isNamed(who, login('a@example.org.evil'))).toBe(false)
    expect(isNamed(who, login('x', { groups: ['ops'] }))).toBe(true)
    expect(isNamed(who, login('x', { tags: ['tag:ci'] }))).toBe(true)
    expect(isNamed(who, { id: 'cli:0', scopes: [] })).toBe(true)
    expect(isNamed(who, { id: 'token:ops', scopes: capabilities })).toBe(false)
  })

  test('a word for several scopes names those who hold all of them', () => {
    const holder = (scopes: readonly Capability[]): Caller => ({ id: 'token:x', scopes })
    expect(isNamed({ scopes: ['admin'] }, holder(['system:read']))).toBe(false)
    expect(isNamed({ scopes: ['admin'] }, holder(capabilities))).toBe(true)
    expect(isNamed({ scopes: ['file:write', 'system:read'] }, holder(['system:read']))).toBe(true)
    expect(isNamed({ scopes: ['nonsense'] }, holder(capabilities))).toBe(false)
  })

  test('an id that looks like a login is none', () => {
    expect(isNamed({ logins: ['ada@example.org'] }, { id: 'ada@example.org', scopes: [] })).toBe(false)
  })
})

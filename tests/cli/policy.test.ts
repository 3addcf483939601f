import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { World } from '../../src/cli/command.ts'
import policy from '../../src/cli/policy.ts'
import type { AuditRecord } from '../../src/core/ports.ts'
import { CliWorld } from '../state/cli-world.ts'

const folder = mkdtempSync(join(tmpdir(), 'tailops-policy-'))
const file = (name: string) => join(folder, name)

beforeAll(() => {
  writeFileSync(
    file('targets.yaml'),
    `version: "1.0"
targets:
  local: { executor: local, capabilities: [system:read, file:read, file:write, service:control] }
`,
  )
  writeFileSync(
    file('policy.yaml'),
    `version: "1.0"
roles:
  staff: { who: { logins: ["*@example.org"], callers: ["*"] }, may: [{ capabilities: [readonly, service:control] }] }
rules:
  - { id: reads, effect: allow, risks: [read] }
  - { id: services, effect: approve, tools: [manage_service] }
  - { id: ssh, effect: deny, tools: [manage_service], when: { arguments: { service: { matches: "sshd?(.service)?" } } } }
tests:
  - { name: nobody stops ssh, caller: anybody, tool: manage_service, target: local, arguments: { service: ssh, action: stop }, expect: deny, rule: ssh }
  - { caller: { login: ada@example.org }, tool: get_system_status, target: local, expect: allow }
`,
  )
  writeFileSync(file('strict.yaml'), 'version: "1.0"\nrules: [{ id: reads, effect: allow, risks: [read] }]\n')
  writeFileSync(file('mistyped.yaml'), 'ruls: []\n')
  writeFileSync(
    file('good.yaml'),
    'tests: [{ caller: x, tool: manage_service, target: local, arguments: { service: a, action: start }, expect: approve }]\n',
  )
  writeFileSync(
    file('bad.yaml'),
    'tests:\n  - { caller: x, tool: get_system_status, target: local, expect: deny }\n  - { caller: x, tool: get_system_status, target: local, expect: allow }\n',
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

const worldOf = (cli: CliWorld): World => ({ ...cli.world, env: { TAILOPS_CONFIG: file('targets.yaml') } })
async function run(...argv: readonly string[]) {
  using cli = new CliWorld()
  return { code: await policy.run(argv, worldOf(cli)), out: cli.out, err: cli.err }
}

describe('policy test', () => {
  test('counts the tests that hold', async () => {
    expect(await run('test')).toMatchObject({ code: 0, out: `${file('policy.yaml')}: 2 of 2 tests hold\n` })
    expect((await run('test', file('good.yaml'))).code).toBe(0)
  })

  test('one that fails is named with its place, by exit 1', async () => {
    const { code, out } = await run('test', file('good.yaml'), file('bad.yaml'))
    expect(code).toBe(1)
    expect(out).toContain(
      `${file('bad.yaml')}:2:5: error: test "tests[0]" fails: it expects deny, the policy says allow by reads`,
    )
    expect(out).toContain(`${file('bad.yaml')}: 1 of 2 tests hold`)
  })

  test('a file that is none is exit 78', async () => {
    expect((await run('test', file('absent.yaml'))).code).toBe(78)
    expect((await run('test', `--policy=${file('mistyped.yaml')}`)).code).toBe(78)
  })
})

describe('policy explain', () => {
  test('names the rule, and what would change it', async () => {
    const { out } = await run('explain', 'manage_service', '--arguments={"service":"ssh","action":"stop"}')
    expect(out).toContain('local: deny by ssh (write): rule ssh says deny for write calls')
    expect(out).toContain('would change it: a call that the conditions of rule ssh do not fit')
    expect(out).toMatch(/rule services +approve +fits: yes/)
    expect(out).toMatch(/rule reads +allow +fits: no: risks \[read\]; this is write/)
  })

  test('without arguments says which rules ask for them', async () => {
    const { out } = await run('explain', 'manage_service', '--login=ada@example.org')
    expect(out).toContain('local: approve by services')
    expect(out).toContain('depends on the arguments, which rule ssh asks for')
  })

  test('answers for another caller, and as JSON', async () => {
    const { out } = await run('explain', 'manage_service', '--login=eve@example.net', '--as=oidc:eve', '--json')
    expect(JSON.parse(out)).toMatchObject([{ target: 'local', decision: { effect: 'approve' } }])
    const { out: bound } = await run('explain', 'manage_service', '--scopes=system:read')
    expect(bound).toContain('local: deny by scope')
    const { out: none } = await run('explain', 'manage_service', '--login=ada@example.org', '--scopes=')
    expect(none).toContain('local: deny by scope')
  })

  test('wrong words are wrong usage, and errors with the next step', async () => {
    expect((await run('explain')).code).toBe(2)
    expect((await run()).code).toBe(2)
    expect((await run('repaly')).err).toContain('no such action')
    await expect(run('explain', 'manage_servic')).rejects.toMatchObject({ hint: 'did you mean manage_service?' })
    await expect(run('explain', 'manage_service', '--arguments={"servic":"a"}')).rejects.toMatchObject({
      code: 'invalid_input',
    })
  })
})

describe('policy replay', () => {
  const record = (call: string, more: Partial<AuditRecord>): AuditRecord => ({
    at: '2026-03-01T12:00:00.000Z',
    call,
    event: 'finished',
    caller: 'cli:0',
    tool: 'manage_service',
    targets: ['local'],
    decision: 'approve:services',
    input: { service: 'nginx', action: 'start' },
    result: 'done',
    ...more,
  })

  async function replayed(records: readonly AuditRecord[], ...argv: readonly string[]) {
    using cli = new CliWorld()
    for (const one of records) await cli.state.audit.append(one)
    expect(await policy.run(['replay', ...argv], worldOf(cli))).toBe(0)
    return cli.out
  }

  test('shows the calls that would be decided otherwise', async () => {
    const records = [
      record('one', {}),
      record('two', { tool: 'get_system_status', input: {}, decision: 'allow:reads' }),
    ]
    expect(await replayed(records)).toBe('2 calls: 2 as before, 0 would be decided otherwise\n')
    expect(await replayed(records, `--policy=${file('strict.yaml')}`)).toBe(
      '2026-03-01T12:00:00.000Z one cli:0 manage_service on local: was approve:services, would be deny:no-rule\n' +
        '2 calls: 1 as before, 1 would be decided otherwise\n',
    )
  })

  test('says what it cannot tell, and why', async () => {
    const masked = { service: `sha256:${'0'.repeat(64)} (300 characters)`, action: 'start' }
    const out = await replayed([
      record('a', { caller: 'oidc:somebody' }),
      record('b', { targets: ['gone'] }),
      record('c', { tool: 'gone' }),
      record('d', { input: masked }),
    ])
    expect(out).toContain('4 calls: 0 as before, 0 would be decided otherwise')
    for (const why of [
      'what a login said',
      'a target is no longer',
      'the tool is no longer',
      'that the log does not keep',
    ])
      expect(out).toContain(why)
  })

  test('a token is asked about by its own scopes', async () => {
    using cli = new CliWorld()
    const { id } = cli.state.tokens.mint({ name: 'x', scopes: ['system:read'], expiresAt: new Date(cli.at + 1e6) })
    await cli.state.audit.append(record('one', { caller: `token:${id}` }))
    await policy.run(['replay', '--json'], worldOf(cli))
    expect(JSON.parse(cli.out)).toMatchObject({ calls: 1, differ: [{ now: 'deny:scope' }] })
  })
})

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadPolicy, parsePolicy, policyPath } from '../../src/config/load-policy.ts'
import { severityLine } from '../../src/config/problem.ts'
import { capabilities } from '../../src/core/capability.ts'
import { decide, defaultPolicy } from '../../src/core/policy.ts'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import { tools } from '../../src/tools/index.ts'

setDefaultTimeout(30_000)

const target = (id: string, kind: Target['kind'], tags: readonly string[] = []): Target => ({
  id,
  kind,
  tags,
  capabilities,
  constraints: defaultConstraints,
})
const surroundings = {
  tools,
  targets: [target('gateway', 'gateway'), target('web-1', 'ssh', ['web']), target('home', 'proxmox')],
}
const parse = (text: string, env: Readonly<Record<string, string>> = {}) =>
  parsePolicy({ file: 'policy.yaml', text, env, readFile: () => '' }, surroundings)
const problems = (text: string) => parse(text).problems.map(severityLine)
const oneRule = (more: string) => `rules:\n  - { id: a, effect: allow, ${more} }\n`

describe('what is wrong is told with its place and the next step', () => {
  test.each([
    ['ruls: []', '1:1: error: unknown key "ruls" in the file — did you mean rules?'],
    ['rules:\n  - { id: a }', '2:5: error: rules[0].effect is missing'],
    [
      'rules:\n  - { id: a, effect: alow }',
      '2:22: error: rules[0].effect "alow" is not one of the values known here — did you mean allow?',
    ],
    ['rules:\n  - { id: a, effect: deny }\n  - { id: a, effect: allow }', '3:11: error: rule id "a" stands twice'],
    ['rules:\n  - { id: grant, effect: deny }', '2:11: error: rule id "grant" has a meaning of its own'],
    [oneRule('tools: [manage_servic]'), '2:37: error: "manage_servic" is no tool — did you mean manage_service?'],
    [oneRule('targets: [web1]'), '2:39: error: rules[0].targets[0] "web1" is no target — did you mean web-1?'],
    [oneRule('targets: ["kind:sssh"]'), '2:39: error: "sssh" is no kind'],
    [oneRule('targets: ["tag:wbe"]'), '2:39: warning: "tag:wbe" names no target of targets.yaml'],
    [oneRule('roles: [ops]'), '2:37: error: "ops" is no role of this file'],
    [
      oneRule('capabilities: [file:wriet]'),
      'error: rules[0].capabilities[0] "file:wriet" is no capability — did you mean file:write?',
    ],
    [
      oneRule('when: { arguments: { path: { under: [/etc] } } }'),
      'when asks for arguments, but the rule names no tools',
    ],
    [
      oneRule('tools: [write_file], when: { arguments: { pth: { under: [/etc] } } }'),
      'pth is no argument of write_file — did you mean path?',
    ],
    [
      oneRule('tools: [write_file, run_command], when: { arguments: { path: { under: [/etc] } } }'),
      'path is no argument of run_command',
    ],
    [
      oneRule('tools: [write_file], when: { arguments: { path: { min: 3 } } }'),
      'path of write_file is a string: min does not apply — use is, matches, under, within',
    ],
    [oneRule('tools: [write_file], when: { arguments: { path: {} } }'), 'asks nothing'],
    [oneRule('tools: [ping_host], when: { arguments: { count: { is: ["3"] } } }'), '"3" is no number'],
    [
      oneRule('tools: [run_command], when: { arguments: { argv: { matches: rm } } }'),
      'write commands: beside arguments: instead',
    ],
    [oneRule('tools: [write_file], when: { commands: [{ program: rm }] }'), 'commands does not apply to write_file'],
    [
      oneRule('tools: [proxmox_manage_guest], when: { arguments: { guest: { is: db } } }'),
      'write guests: beside arguments: instead',
    ],
    [oneRule('tools: [manage_service], when: { guests: [db] }'), 'guests does not apply to manage_service'],
    [oneRule('tools: [write_file], when: { arguments: { path: { matches: "(" } } }'), 'is no regular expression'],
    [oneRule('when: { times: [{ from: "8:00" }] }'), '"8:00" is no time of day'],
    [oneRule('when: { times: [{ zone: Mars/Olympus }] }'), '"Mars/Olympus" is no time zone'],
    [oneRule('who: {}'), 'names nobody'],
    [oneRule('tools: []'), '2:36: error: rules[0].tools is empty: it names nothing'],
    [oneRule('unless: {}'), 'rules[0].unless is empty'],
    [oneRule('when: { times: [] }'), 'rules[0].when.times is empty'],
    [
      oneRule('tools: [proxmox_guest_info], when: { guests: ["pve:home/101"] }'),
      'write its vmid or name, and its cluster under targets',
    ],
    [oneRule('approval: { for: 5m }'), 'belongs to effect: approve'],
    [
      'rules:\n  - { id: a, effect: approve, approval: { count: 2 } }',
      'cannot be enforced — remove it: one person approves',
    ],
    ['rules:\n  - { id: a, effect: approve, approval: { for: 1h } }', 'is no duration'],
    ['rules:\n  - { id: a, effect: approve, approval: { for: 16m } }', 'is longer than an approval lasts'],
    ['rules:\n  - { id: a, effect: approve, approval: { by: ["token:x"] } }', 'approval.by'],
    ['roles: { a: { who: { login: [x] }, may: [] } }', 'unknown key "login" in roles.a.who — did you mean logins?'],
    [
      'roles: { a: { who: { logins: [x] }, may: [{ capabilities: [readonly], targets: [web-2] }] } }',
      '"web-2" is no target',
    ],
    ['', 'the file is empty'],
    ['[]', 'the file is no map — write version: "1.0" and rules:'],
    ['version: "2.0"', 'version'],
  ])('%s', (text, wanted) => {
    const found = problems(text)
    expect(found.join('\n')).toContain(wanted)
    expect(parse(text).policy === undefined).toBe(found.some((line) => line.includes(': error: ')))
  })
})

describe('tests in the file', () => {
  const rules = 'rules:\n  - { id: reads, effect: allow, risks: [read] }\ntests:\n'
  const line = (more: string) => problems(`${rules}  - { caller: x, ${more} }\n`)[0]

  test('one that fails keeps the policy from loading', () => {
    const text = `${rules}  - { name: may write, caller: x, tool: write_file, target: web-1, arguments: { path: /a, content: "" }, expect: allow }\n`
    expect(parse(text).policy).toBeUndefined()
    expect(problems(text)).toEqual([
      'policy.yaml:4:5: error: test "may write" fails: it expects allow, the policy says deny by no-rule (no policy rule allows write_file) — the operator can add a rule',
    ])
    expect(parse(text.replace('expect: allow', 'expect: deny, rule: no-rule')).policy).toBeDefined()
  })

  test('one that asks what cannot be asked is an error', () => {
    expect(line('tool: writ_file, target: web-1, expect: deny')).toContain('did you mean write_file?')
    expect(line('tool: write_file, target: web-2, expect: deny')).toContain('did you mean web-1?')
    expect(line('tool: write_file, target: home, expect: deny')).toContain(
      'write_file is not decided on home, a proxmox target',
    )
    expect(line('tool: write_file, target: web-1, arguments: { path: /a }, expect: deny')).toContain('content')
    expect(line('tool: get_job, target: gateway, arguments: { job: a }, expect: deny')).toContain('not decided')
  })

  test('who, when and which guest are as the test says', () => {
    const text = `roles:
  ops: { who: { groups: [ops] }, may: [{ capabilities: [admin] }] }
rules:
  - { id: all, effect: allow }
  - { id: nights, effect: deny, when: { times: [{ from: "22:00", to: "06:00", zone: Europe/Berlin }] } }
  - { id: db, effect: deny, tools: [proxmox_delete_guest], when: { guests: [db] } }
tests:
  - { caller: { groups: [ops] }, tool: get_system_status, target: web-1, expect: allow }
  - { caller: { groups: [dev] }, tool: get_system_status, target: web-1, expect: deny, rule: role }
  - { caller: { groups: [ops] }, tool: get_system_status, target: web-1, at: 2026-01-05T21:30:00Z, expect: deny, rule: nights }
  - { caller: { groups: [ops] }, tool: proxmox_delete_guest, target: home, arguments: { guest: "7" }, guest: { vmid: 7, name: db }, expect: deny, rule: db }
  - { caller: { groups: [ops] }, tool: proxmox_delete_guest, target: home, arguments: { guest: "8" }, guest: { vmid: 8, name: web }, expect: allow }
`
    expect(problems(text)).toEqual([])
  })
})

test('variables stand for what they hold, and one that is not set is an error', () => {
  const text = `roles: { a: { who: { logins: "\${ADMIN}" }, may: [{ capabilities: [admin] }] } }`
  expect(parse(text, { ADMIN: 'ada' }).policy?.roles?.[0]?.who).toEqual({ logins: ['ada'] })
  expect(parse(text).problems[0]?.what).toContain('ADMIN')
})

test('without rules the built-in ones hold; with an empty list nothing is allowed', () => {
  expect(parse('version: "1.0"').policy?.rules).toEqual(defaultPolicy.rules)
  const { policy } = parse('rules: []')
  const web = target('web-1', 'ssh')
  const question = {
    caller: { id: 'x', scopes: capabilities },
    tool: 'get_system_status',
    target: web,
    at: new Date(0),
  }
  expect(policy && decide(policy, { ...question, capability: 'system:read', risk: 'read' }).rule).toBe('no-rule')
})

describe('where it is looked for', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tailops-policy-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const targetsFile = join(folder, 'targets.yaml')
  const file = join(folder, 'policy.yaml')

  test('beside targets.yaml, or where TAILOPS_POLICY says', () => {
    expect(policyPath({}, targetsFile)).toBe(file)
    expect(policyPath({ TAILOPS_POLICY: '/elsewhere.yaml' }, targetsFile)).toBe('/elsewhere.yaml')
  })

  test('none there is the default; one that is named must be there', () => {
    expect(loadPolicy({}, targetsFile, surroundings)).toEqual({ policy: defaultPolicy, file: undefined, problems: [] })
    expect(loadPolicy({ TAILOPS_POLICY: file }, targetsFile, surroundings).policy).toBeUndefined()
  })

  test('one that cannot be read is not as good as none', () => {
    symlinkSync('/nowhere', file)
    expect(loadPolicy({}, targetsFile, surroundings).policy).toBeUndefined()
    rmSync(file)
    mkdirSync(file)
    expect(loadPolicy({}, targetsFile, surroundings).policy).toBeUndefined()
    rmSync(file, { recursive: true })
    writeFileSync(file, 'rules: []\n')
    expect(loadPolicy({}, targetsFile, surroundings)).toMatchObject({ policy: { rules: [] }, file })
  })
})

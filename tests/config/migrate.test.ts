import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { readEnvText } from '../../src/config/env-text.ts'
import { parseTargets } from '../../src/config/load.ts'
import { type Migrated, migrate } from '../../src/config/migrate.ts'
import { readSettings } from '../../src/config/settings.ts'

const folder = '/opt/systemmanager'

function made(files: Readonly<Record<string, string>>) {
  const all = Object.entries(files).map(([name, text]) => ({ name, text, folder }))
  const environments = all.filter(({ name }) => name.endsWith('env'))
  const result = migrate({ environments, documents: all.filter((file) => !environments.includes(file)) })
  return { ...result, ...loaded(result) }
}

/** As the gateway would read it. */
function loaded({ targets: text, environment }: Migrated) {
  const lines = readEnvText(environment.reveal())
  const env = Object.fromEntries(lines.flatMap((line) => ('name' in line ? [[line.name, line.value]] : [])))
  const { config, problems } = parseTargets({
    file: '/etc/tailops/targets.yaml',
    text,
    env,
    readFile: () => 'content',
  })
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  const byId = Object.fromEntries((config?.targets ?? []).map((target) => [target.id, target]))
  return { env, config, byId }
}

const why = ({ rows }: Migrated, from: string) =>
  rows
    .filter((row) => row.from === from)
    .map((row) => `${row.outcome}: ${row.why ?? ''}`)
    .join('\n')

const sample = readFileSync(`${import.meta.dir}/samples/old.yaml`, 'utf8')

describe('targets.yaml', () => {
  test('the documented shape is taken, and every value of it has a row', () => {
    const result = made({ 'targets.yaml': sample, '.env': 'SSH_KEY_WEB_1=/root/.ssh/web\n' })
    expect(Object.keys(result.byId)).toContain('web-1')
    expect(result.byId['web-1']).toMatchObject({
      kind: 'ssh',
      connection: { host: '192.0.2.10', username: 'ops', keyPath: '/root/.ssh/web' },
      constraints: { timeoutMs: 60_000, concurrency: 2 },
    })
    expect(result.config?.gateway).toMatchObject({ id: 'gw-a', name: 'Segment A' })
    expect(why(result, 'targets.web-1.connection.host')).toBe('taken: ')
    expect(why(result, 'targets.web-1.constraints.max_memory')).toStartWith('dropped: is not used')
    expect(why(result, 'gateway.gateway_token')).toStartWith('dropped: is not used')
    expect(why(result, 'global_constraints')).toStartWith('dropped')
  })

  test('a reference that no old file sets is left out, with what to do', () => {
    const result = made({ 'targets.yaml': sample })
    expect(result.byId['web-1']?.connection).toMatchObject({ keyPath: undefined })
    expect(why(result, 'targets.web-1.connection.key_path')).toContain('SSH_KEY_WEB_1')
  })

  test('a private key in a variable becomes a file', () => {
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----'
    const result = made({ 'targets.yaml': sample, '.env': `SSH_KEY_WEB_1="${key}"\n` })
    expect([...result.keys].map(([path, secret]) => [path, secret.reveal()])).toEqual([['keys/web-1', `${key}\n`]])
    expect(result.byId['web-1']?.connection).toMatchObject({ keyPath: '/etc/tailops/keys/web-1' })
    expect(result.environment.reveal()).not.toContain('PRIVATE KEY')
  })

  test('JSON, and the list form of policies as code', () => {
    const json = made({
      'targets.json':
        '{"version":"1.0","targets":{"a":{"type":"local","executor":"local","capabilities":["readonly"]}}}',
    })
    expect(json.byId['a']?.capabilities).toContain('system:read')
    const list = made({
      'policy.yaml': `
rules: [{name: a, target_pattern: ".*", allowed_operations: [start]}]
targets:
  - {id: web, host: 192.0.2.1, tags: [web], roles: [front], connection_method: ssh, credential_path: /k/web, capabilities: ["container:write"]}
`,
    })
    expect(list.byId['web']).toMatchObject({ tags: ['web'], connection: { host: '192.0.2.1', keyPath: '/k/web' } })
    expect(list.byId['web']?.capabilities).toEqual(['container:control'])
    expect(why(list, 'rules[0]')).toContain('narrower')
  })

  test('a secret in the file moves to the environment file and stands in no row', () => {
    const result = made({
      'targets.yaml': `
version: "1.0"
targets:
  box: {executor: ssh, connection: {host: 192.0.2.3, password: 'hush "$x" \\ y', api_key: topmost}}
  pve: {executor: proxmox, connection: {host: pve1, username: root, token_name: mcp, api_token: deep-secret, verify_ssl: false}}
`,
    })
    expect(result.byId['pve']?.connection).toMatchObject({ apiUrls: ['https://pve1:8006'], tokenId: 'root@pam!mcp' })
    expect(Object.values(result.env)).toEqual(['hush "$x" \\ y', 'deep-secret'])
    for (const text of [result.targets, JSON.stringify(result.rows)])
      for (const secret of ['hush', 'deep-secret', 'topmost']) expect(text).not.toContain(secret)
  })

  test('merged maps, headers and logins of services', () => {
    const result = made({
      'targets.yaml': `
version: 1.0
targets:
  a: &a {executor: ssh, connection: {host: h, user: u, username: v}}
  b: {<<: *a, constraints: {timeout: "60"}}
  api: {executor: http, connection: {base_url: "https://x", headers: {X-Key: topmost}, basic: {username: me, password: deepest}}}
`,
    })
    expect(result.byId['b']).toMatchObject({
      connection: { host: 'h', username: 'v' },
      constraints: { timeoutMs: 60_000 },
    })
    expect(result.byId['api']?.connection).toMatchObject({ basic: { username: 'me' } })
    expect(Object.values(result.env).toSorted()).toEqual(['deepest', 'topmost'])
    expect(result.targets + JSON.stringify(result.rows)).not.toMatch(/topmost|deepest/)
    expect(why(result, 'version')).toBe('changed: 1 became "1.0"')
  })

  const odd: readonly (readonly [string, string, string, string])[] = [
    [
      'placeholder',
      'local: {executor: local, metadata: {hostname: "{{system.hostname}}"}}',
      'metadata.hostname',
      'placeholder',
    ],
    ['unknown executor', 'local: {executor: sssh}', '', 'did it mean ssh?'],
    ['no executor', 'local: {type: remote}', '', 'has no executor'],
    ['type against executor', 'local: {type: local, executor: ssh, connection: {host: a}}', 'type', 'contradicts'],
    ['local with a host', 'local: {executor: local, connection: {host: 192.0.2.9}}', '', 'executor is local, but'],
    [
      'unknown capability',
      'local: {executor: local, capabilities: ["security:audit"]}',
      'capabilities[0]',
      'means nothing',
    ],
    [
      'old capability',
      'local: {executor: local, capabilities: ["docker:admin"]}',
      'capabilities[0]',
      'container:admin',
    ],
    ['capabilities as text', 'local: {executor: local, capabilities: "system:read"}', 'capabilities', 'is a list now'],
    [
      'a number in quotes',
      'local: {executor: ssh, connection: {host: a, port: "22"}}',
      'connection.port',
      'became number',
    ],
    ['a wrong number', 'local: {executor: ssh, connection: {host: a, port: many}}', 'connection.port', 'not a number'],
    ['an unknown key', 'local: {executor: local, colour: blue}', 'colour', 'unknown key'],
    [
      'an unknown limit',
      'local: {executor: local, constraints: {max_files: 3}}',
      'constraints.max_files',
      'unknown key',
    ],
    ['a limit too high', 'local: {executor: local, constraints: {timeout: 99999}}', 'constraints.timeout', 'too large'],
    [
      'a relative key',
      'local: {executor: ssh, connection: {host: a, key_path: k/id}}',
      'connection.key_path',
      '/opt/systemmanager/k/id',
    ],
    ['no map', 'local: 7', '', 'is no map'],
    ['metadata of text', 'local: {executor: local, metadata: web}', 'metadata', 'is no map'],
  ]
  test.each(odd)('%s is reported', (_, text, key, expected) => {
    const result = made({ 'targets.yaml': `version: "1.0"\ntargets:\n  ${text}\n` })
    expect(why(result, ['targets.local', key].filter((part) => part !== '').join('.'))).toContain(expected)
  })

  test('ids that cannot be are changed, and two of one name are told apart', () => {
    const result = made({
      'a/targets.yaml':
        'targets: {"web server": {executor: ssh}, gateway: {executor: local}, "{{system.hostname}}": {executor: local}}',
      'b/targets.yaml': 'targets: {local: {executor: ssh}}',
      'c/targets.yaml': 'targets: {x: {executor: local}, x: {executor: ssh}}',
    })
    expect(result.targetIds).toEqual(['web-server', 'gateway-1', 'local', 'x'])
    expect(result.byId['local']?.kind).toBe('local')
    expect(why(result, 'targets.local')).toContain('is there already')
    expect(why(result, 'line 1')).toContain('stands twice')
  })
})

describe('the environment', () => {
  test('every variable has a row; what means something here is renamed', () => {
    const result = made({
      '.env': `
# comment
export SYSTEMMANAGER_AUTH_MODE=token
SYSTEMMANAGER_BASE_URL="https://gw.example.ts.net"   # where
SYSTEMMANAGER_SHARED_SECRET=hush
SYSTEMMANAGER_ENABLE_APPROVAL=true
SYSTEMMANAGER_ALLOWED_BASE_DIRS=/opt,/home
MCP_HOST=0.0.0.0
SYSTEMMANAGER_PORT=9000
LOG_LEVEL=WARNING
TOON_FORMAT=x
FOO=bar
EMPTY=
not an assignment
`,
    })
    expect(result.env).toEqual({
      TAILOPS_LISTEN: '0.0.0.0:9000',
      TAILOPS_AUTH_MODE: 'token',
      TAILOPS_BASE_URL: 'https://gw.example.ts.net',
      TAILOPS_LOG_LEVEL: 'WARNING',
    })
    expect(why(result, 'SYSTEMMANAGER_SHARED_SECRET')).toContain('tailops token mint')
    expect(why(result, 'SYSTEMMANAGER_ENABLE_APPROVAL')).toContain('narrower')
    expect(why(result, 'SYSTEMMANAGER_ALLOWED_BASE_DIRS')).toContain('file_roots')
    expect(why(result, 'FOO')).toBe('dropped: nothing here reads it')
    expect(why(result, 'line 14')).toBe('dropped: is no NAME=value')
    expect(JSON.stringify(result.rows)).not.toContain('hush')
  })

  test('a way to authenticate that is not there is dropped, with what to do', () => {
    const result = made({ '.env': 'SYSTEMMANAGER_AUTH_MODE=magic\n' })
    expect(why(result, 'SYSTEMMANAGER_AUTH_MODE')).toContain('dropped')
    expect(result.env).toEqual({})
  })

  test('a login at TSIDP goes on', () => {
    const result = made({
      '.env': `SYSTEMMANAGER_AUTH_MODE=oidc
SYSTEMMANAGER_BASE_URL=https://gw.example.ts.net
TSIDP_URL=https://idp.example.ts.net
TSIDP_CLIENT_ID=gw
TSIDP_CLIENT_SECRET=hush
`,
    })
    expect(readSettings(result.env)).toMatchObject({ settings: { auth: { mode: 'oidc' } }, problems: [] })
    expect(JSON.stringify(result.rows)).not.toContain('hush')
  })

  test('clusters become targets, their secrets stay in the environment file', () => {
    const result = made({
      '.env': `PROXMOX_CLUSTERS=alpha,beta
PROXMOX_CLUSTER_alpha_API_URL=https://pve-a:8006
PROXMOX_CLUSTER_alpha_TOKEN_ID=svc@pve!mcp
PROXMOX_CLUSTER_alpha_TOKEN_SECRET=deep-secret
PROXMOX_CLUSTER_alpha_DEFAULT_NODE=pve1
PROXMOX_CLUSTER_alpha_REGION=eu
PROXMOX_CLUSTER_beta_API_URL=https://pve-b:8006/api2/json
PROXMOX_CLUSTER_beta_TOKEN_ID=svc@pve!mcp
PROXMOX_CLUSTER_beta_TOKEN_SECRET=other-secret
PROXMOX_CLUSTER_PATTERNS={"prod-":"alpha","x-":"gamma"}
PROXMOX_CLUSTER_VALIDATION=true
PROXMOX_DEFAULT_LXC_PASSWORD=changeMe123!
`,
    })
    expect(result.byId['alpha']).toMatchObject({
      kind: 'proxmox',
      capabilities: ['proxmox:read'],
      connection: { apiUrls: ['https://pve-a:8006'], prefixes: ['prod-'], defaults: { node: 'pve1' }, region: 'eu' },
    })
    expect(result.byId['beta']?.connection).toMatchObject({ apiUrls: ['https://pve-b:8006'] })
    expect(why(result, 'PROXMOX_CLUSTER_PATTERNS')).toContain('names no cluster')
    expect(JSON.stringify([result.rows, result.targets])).not.toMatch(/deep-secret|other-secret|changeMe/)
  })

  test('one cluster of the oldest names', () => {
    const result = made({
      '.env': 'PROXMOX_HOST=pve1\nPROXMOX_USERNAME=root@pam\nPROXMOX_PASSWORD=hush\nPROXMOX_VERIFY_SSL=false\n',
    })
    expect(result.byId['proxmox']?.connection).toMatchObject({ username: 'root@pam', tls: { verify: false } })
    expect(why(result, 'PROXMOX_*')).toContain('an API token is better')
  })
})

describe('other files', () => {
  test('a Proxmox configuration inside Markdown', () => {
    const result = made({
      'proxmox-config.yaml': `# Example

\`\`\`yaml
proxmox:
  hosts:
    - {host: pve1.lan, username: root@pam, token_name: ops, api_token: deep-secret, verify_ssl: true, tags: [a]}
    - {host: pve2.lan, username: root@pam, password: hush}
  defaults: {storage: local-lvm, network_bridge: vmbr0, container_features: nesting=1}
  discovery: {auto_discover: true, update_interval: 600, filter_vms: [{exclude_tags: [private]}]}
  backup: {default_mode: snapshot}
development: {proxmox: {}}
\`\`\`
`,
    })
    expect(result.byId['pve1.lan']).toMatchObject({
      tags: ['a'],
      connection: {
        tokenId: 'root@pam!ops',
        defaults: { storage: 'local-lvm', bridge: 'vmbr0' },
        discovery: { intervalMs: 600_000, exclude: { tags: ['private'] } },
      },
    })
    expect(why(result, 'proxmox.hosts')).toContain('one cluster')
    expect(why(result, 'development')).toContain('dropped')
    expect(JSON.stringify(result.rows)).not.toMatch(/deep-secret|hush/)
  })

  test('policies are not converted; what is narrower and wider is said', () => {
    const result = made({
      'policy.yaml': `
default_validation_mode: permissive
maintenance_windows: [{start: "02:00"}]
rules: [{name: c, requires_approval: false, parameter_constraints: {x: {max: 1}}}]
`,
      'policies.yaml': 'policies: {version: v2, role_policies: {production: [{name: p, allowed: false}]}}',
    })
    expect(why(result, 'default_validation_mode')).toContain('narrower')
    expect(why(result, 'maintenance_windows')).toContain('wider')
    expect(why(result, 'rules[0]')).toContain('wider: its limits of parameters')
    expect(why(result, 'role_policies.production[0]')).toContain('what it forbade')
    expect(result.targetIds).toEqual([])
  })

  test('hosts of the inventory become targets that grant nothing', () => {
    const result = made({
      'inventory.json': JSON.stringify({
        system: { hostname: 'gw' },
        hosts: { web: { hostname: 'web.lan', platform: 'debian', tags: ['x'] }, self: { hostname: 'gw' } },
        stacks: { s: {} },
        applications: {},
      }),
    })
    expect(result.byId['web']).toMatchObject({ kind: 'ssh', capabilities: [], connection: { host: 'web.lan' } })
    expect(result.targetIds).toEqual(['web'])
    expect(why(result, 'stacks')).toContain('dropped')
  })

  test.each([
    ['remote-agents.yaml', 'remote_agents: {ssh_config: {port: 22}}'],
    ['workflows.yaml', 'workflows: {a: {name: x}}'],
    ['config.yaml', 'server: {port: 1}\nsecurity: {auth_required: true}'],
    ['segments.yaml', 'a: {segment: s, network_segment: s, targets: [x]}'],
    ['broken.yaml', 'a: [1, {b'],
    ['words.yaml', 'just words'],
    ['empty.yaml', ''],
    [
      'bomb.yaml',
      `a: &a [x]\n${[...'bcdefghij'].map((name, index) => `${name}: &${name} [${`*${'abcdefghij'[index]},`.repeat(9)}]`).join('\n')}`,
    ],
  ])('%s is told of, and nothing breaks', (name, text) => {
    const { rows, targetIds } = made({ [name]: text })
    expect(targetIds).toEqual([])
    expect(rows.map(({ outcome }) => outcome)).toContain('dropped')
  })
})

test('whatever stands in a file, the result passes our own check', () => {
  const reference = `\${NO}`
  const strange = [null, '', 'x', -1, 1e99, true, [], [[]], {}, { a: { b: 1 } }, '${X', reference, '{{x}}', 'file:/x']
  const nested = (value: unknown) => ({ host: value, timeout: value, token: value, tags: value, file_roots: value })
  const keys = 'executor type connection capabilities constraints metadata id endpoints discovery defaults'.split(' ')
  for (const executor of ['local', 'ssh', 'docker', 'http', 'proxmox'])
    for (const key of keys) {
      const targets = strange.flatMap((value, index) => [
        [`a${index}`, { executor, [key]: value }],
        [`b${index}`, { executor, [key]: nested(value) }],
      ])
      made({ 'targets.json': JSON.stringify({ targets: Object.fromEntries(targets) }) })
    }
  for (const value of strange)
    made({ 'targets.json': JSON.stringify({ version: value, gateway: value, targets: value }) })
})

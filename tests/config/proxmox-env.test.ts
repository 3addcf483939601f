import { expect, test } from 'bun:test'
import { parseTargets } from '../../src/config/load.ts'
import { environmentClusters } from '../../src/config/proxmox-env.ts'
import { secretsIn } from '../../src/lib/secret.ts'

const two = {
  PROXMOX_CLUSTERS: 'alpha, beta',
  PROXMOX_CLUSTER_alpha_API_URL: 'https://pve-a:8006/',
  PROXMOX_CLUSTER_alpha_TOKEN_ID: 'svc@pve!mcp',
  PROXMOX_CLUSTER_alpha_TOKEN_SECRET: 'hush',
  PROXMOX_CLUSTER_alpha_DEFAULT_NODE: 'pve1',
  PROXMOX_CLUSTER_alpha_DEFAULT_STORAGE: 'fast',
  PROXMOX_CLUSTER_alpha_DEFAULT_BRIDGE: 'vmbr1',
  PROXMOX_CLUSTER_alpha_TIER: 'prod',
  PROXMOX_CLUSTER_alpha_REGION: 'eu',
  PROXMOX_CLUSTER_BETA_API_URL: 'https://pve-b:8006,https://pve-c:8006',
  PROXMOX_CLUSTER_BETA_TOKEN_ID: 'svc@pve!mcp',
  PROXMOX_CLUSTER_BETA_TOKEN_SECRET: 'hush',
  PROXMOX_CLUSTER_PATTERNS: 'prod-:alpha,dr-:beta',
}

test('clusters of the environment become targets that grant reading, the first one first', () => {
  const { targets, problems } = environmentClusters(two, [])
  expect(problems).toEqual([])
  expect(targets.map(({ id, cluster, capabilities, prefixes }) => [id, cluster, capabilities, prefixes])).toEqual([
    ['alpha', 'alpha', ['proxmox:read'], ['prod-']],
    ['beta', 'beta', ['proxmox:read'], ['dr-']],
  ])
  expect(targets[0]?.connection).toMatchObject({
    apiUrls: ['https://pve-a:8006'],
    prefixes: ['prod-'],
    region: 'eu',
    tier: 'prod',
    defaults: { node: 'pve1', storage: 'fast', bridge: 'vmbr1' },
    tls: { verify: true, fingerprints: undefined },
  })
  expect(targets[1]?.connection).toMatchObject({
    apiUrls: ['https://pve-b:8006', 'https://pve-c:8006'],
    prefixes: ['dr-'],
  })
  expect(JSON.stringify(targets)).not.toContain('hush')
})

test('pins of the environment are a list, one a node', () => {
  const { targets } = environmentClusters({ ...two, PROXMOX_CLUSTER_alpha_FINGERPRINT: 'AA:BB, CC:DD' }, [])
  expect(targets[0]?.connection).toMatchObject({ tls: { fingerprints: ['AA:BB', 'CC:DD'] } })
})

test('patterns may be JSON, and must name a cluster', () => {
  const json = environmentClusters({ ...two, PROXMOX_CLUSTER_PATTERNS: '{"x-":"beta"}' }, [])
  expect(json.targets[1]?.connection).toMatchObject({ prefixes: ['x-'] })
  const wrong = environmentClusters({ ...two, PROXMOX_CLUSTER_PATTERNS: 'x-:betta' }, [])
  expect(wrong.problems).toMatchObject([{ severity: 'error', hint: 'did you mean beta?' }])
})

test('one cluster, also in its oldest form', () => {
  const one = {
    PROXMOX_API_URL: 'https://pve:8006',
    PROXMOX_TOKEN_ID: 'a@pam!b',
    PROXMOX_TOKEN_SECRET: 's',
    PROXMOX_VERIFY: 'false',
  }
  const single = environmentClusters(one, [])
  expect(single.targets[0]).toMatchObject({ id: 'proxmox', connection: { tokenId: 'a@pam!b', tls: { verify: false } } })
  expect(single.problems).toMatchObject([{ severity: 'warning', what: 'is off: anyone may answer' }])
  const old = environmentClusters({ PROXMOX_HOST: 'pve', PROXMOX_TOKEN_NAME: 'mcp', PROXMOX_TOKEN_VALUE: 's' }, [])
  expect(old.targets[0]?.connection).toMatchObject({ apiUrls: ['https://pve:8006'], tokenId: 'root@pam!mcp' })
})

test('a user and a password stand where there is no token', () => {
  const login = { PROXMOX_API_URL: 'https://pve:8006', PROXMOX_USERNAME: 'root@pam', PROXMOX_PASSWORD: 'hush' }
  const { targets, problems } = environmentClusters(login, [])
  expect(problems).toEqual([])
  expect(targets[0]?.connection).toMatchObject({ username: 'root@pam' })
  expect(secretsIn(targets)).toEqual(['hush'])
  const token = environmentClusters({ ...login, PROXMOX_TOKEN_NAME: 'mcp', PROXMOX_TOKEN_VALUE: 's' }, [])
  expect(token.targets[0]?.connection).toMatchObject({ tokenId: 'root@pam!mcp' })
  expect(token.targets[0]?.connection).not.toHaveProperty('username')
  const half = environmentClusters({ ...login, PROXMOX_PASSWORD: undefined }, [])
  expect(half.problems).toMatchObject([{ severity: 'error', hint: expect.stringContaining('PROXMOX_PASSWORD') }])
})

test('what is missing or wrong is an error that names the variable', () => {
  const { problems } = environmentClusters(
    { PROXMOX_CLUSTERS: 'a,all', PROXMOX_CLUSTER_a_VERIFY: 'perhaps', PROXMOX_CLUSTER_a_CAPABILITIES: 'proxmx:read' },
    [],
  )
  expect(problems.map(({ file }) => file.split(' ').at(-1))).toEqual([
    'PROXMOX_CLUSTER_a_CAPABILITIES',
    'PROXMOX_CLUSTER_a_TOKEN_ID',
    'PROXMOX_CLUSTER_a_API_URL',
    'PROXMOX_CLUSTER_a_VERIFY',
    'PROXMOX_CLUSTERS',
  ])
  expect(problems.every(({ severity }) => severity === 'error')).toBe(true)
})

test('a target of the file wins over a cluster of the same name', () => {
  const text = 'version: "1.0"\ntargets: { alpha: { executor: local } }'
  const { config, problems } = parseTargets({ file: 't', text, env: two, readFile: () => '' })
  expect(config?.targets.map(({ id, kind }) => `${id} ${kind}`)).toEqual(['alpha local', 'beta proxmox'])
  expect(problems).toMatchObject([{ severity: 'warning', line: 0, what: 'the file declares alpha too' }])
})

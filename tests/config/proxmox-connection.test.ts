import { expect, test } from 'bun:test'
import { parseTargets } from '../../src/config/load.ts'
import { secretsIn } from '../../src/lib/secret.ts'

const pin = (byte: string) => Array.from({ length: 32 }, () => byte).join(':')
const token = 'token_id: "a@pam!b", token_secret: s'

function loaded(connection: string) {
  const text = `version: "1.0"\ntargets: { lab: { executor: proxmox, connection: { ${connection} } } }`
  const { config, problems } = parseTargets({ file: 't', text, env: {}, readFile: () => '' })
  const found = config?.targets.find(({ id }) => id === 'lab')?.connection
  return { connection: found, problems }
}

test('a pin may be one fingerprint, or a list with one a node', () => {
  const one = loaded(`api_url: https://pve1:8006, ${token}, fingerprint: "${pin('AA')}"`)
  expect(one).toMatchObject({ connection: { tls: { fingerprints: [pin('AA')] } }, problems: [] })
  const two = loaded(`api_url: https://pve1:8006, ${token}, fingerprint: ["${pin('AA')}", "${pin('bb')}"]`)
  expect(two).toMatchObject({ connection: { tls: { fingerprints: [pin('AA'), pin('bb')] } }, problems: [] })
})

test('a pin in a list that is none is named by its place', () => {
  const { problems } = loaded(`api_url: https://pve1:8006, ${token}, fingerprint: ["${pin('AA')}", "abc"]`)
  expect(problems).toMatchObject([
    { severity: 'warning', what: expect.stringMatching(/fingerprint\W+1\W* is no SHA-256 fingerprint/) },
  ])
})

test('a login stands where there is no token, its password a secret', () => {
  const { connection, problems } = loaded('api_url: https://pve1:8006, username: root@pam, password: hush')
  expect(problems).toEqual([])
  expect(connection).toMatchObject({ username: 'root@pam', tokenId: undefined })
  expect(secretsIn(connection)).toEqual(['hush'])
  expect(JSON.stringify(connection)).not.toContain('hush')
})

test('a login beside a token is an error that names both', () => {
  const { connection, problems } = loaded(`api_url: https://pve1:8006, ${token}, username: root@pam, password: s`)
  expect(connection).toBeUndefined()
  expect(problems).toMatchObject([
    {
      severity: 'error',
      what: expect.stringContaining('username contradicts token_id and token_secret'),
      hint: expect.stringContaining('keep one of token_id with token_secret, and username with password'),
    },
  ])
})

test('half a login misses its other half, none at all misses the token', () => {
  const missing = (connection: string) => loaded(connection).problems.map(({ what }) => what.replace(/.*\./, ''))
  const lost = 'is missing: the cluster is unreachable'
  expect(missing('api_url: https://pve1:8006, username: root@pam')).toEqual([`password ${lost}`])
  expect(missing('api_url: https://pve1:8006, password: s')).toEqual([`username ${lost}`])
  expect(missing('api_url: https://pve1:8006')).toEqual([`token_id ${lost}`, `token_secret ${lost}`])
})

test('a user without a realm is told how to write one', () => {
  expect(loaded('api_url: https://pve1:8006, username: root, password: s').problems).toMatchObject([
    { severity: 'error', hint: 'write user@realm: root@pam' },
  ])
})

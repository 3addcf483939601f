import { expect, test } from 'bun:test'
import { parseTargets } from '../../src/config/load.ts'

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

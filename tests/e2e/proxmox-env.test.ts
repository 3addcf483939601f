import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type NodeCertificates, openCertificates } from '../support/pve/certificates.ts'
import { openStandIn, type StandIn } from '../support/pve/stand-in.ts'

setDefaultTimeout(60_000)

const main = resolve(import.meta.dirname, '../../src/main.ts')
let certificates: NodeCertificates
let pve: StandIn
let dir: string

beforeAll(async () => {
  certificates = openCertificates()
  const guest = (vmid: number, name: string) => ({ vmid, name, node: 'pve1' })
  const clusters = [
    { name: 'alpha', guests: [guest(101, 'prod-web'), guest(102, 'twin')] },
    { name: 'beta', guests: [guest(101, 'dr-web'), guest(103, 'twin')] },
  ]
  pve = await openStandIn({ clusters, tls: certificates.tls })
  dir = mkdtempSync(join(tmpdir(), 'tailops-env-'))
  writeFileSync(join(dir, 'targets.yaml'), 'version: "1.0"\ntargets: { here: { executor: local } }\n')
})
afterAll(async () => {
  await pve.stop()
  certificates.remove()
  rmSync(dir, { recursive: true, force: true })
})

/** What a call answers when the environment alone declares the clusters. */
async function call(more: Readonly<Record<string, string>>, tool: string, ...args: readonly string[]) {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: dir,
    TAILOPS_STATE_DIR: join(dir, 'state'),
    TAILOPS_CONFIG: join(dir, 'targets.yaml'),
    ...more,
  }
  const command = [main, 'call', tool, '--format=json', ...args]
  const { stdout } = await promisify(execFile)(process.execPath, command, { env, timeout: 30_000 })
  return stdout
}

/** The variables of one cluster, by their beginning. */
function variables(prefix: string, cluster: string): Record<string, string> {
  const { urls, tokenId, tokenSecret } = pve.cluster(cluster)
  return {
    [`${prefix}API_URL`]: urls.join(','),
    [`${prefix}TOKEN_ID`]: tokenId,
    [`${prefix}TOKEN_SECRET`]: tokenSecret,
  }
}

const pinned = (cluster: string) => ['pve1', 'pve2', 'pve3'].map((node) => certificates.tls(cluster, node).fingerprint)

const two = () => ({
  PROXMOX_CLUSTERS: 'alpha,beta',
  ...variables('PROXMOX_CLUSTER_alpha_', 'alpha'),
  PROXMOX_CLUSTER_alpha_FINGERPRINT: pinned('alpha').join(','),
  ...variables('PROXMOX_CLUSTER_beta_', 'beta'),
  PROXMOX_CLUSTER_beta_VERIFY: 'false',
  PROXMOX_CLUSTER_PATTERNS: 'prod-:alpha,dr-:beta',
})

test('clusters that the environment declares are targets, and can be read', async () => {
  const listed = await call(two(), 'list_targets', '--kind=proxmox')
  expect(listed).toContain('"alpha"')
  expect(listed).toContain('"beta"')
  const guests = await call(two(), 'proxmox_list_guests')
  for (const name of ['prod-web', 'dr-web']) expect(guests).toContain(name)
})

test('patterns of the environment choose the cluster of a guest', async () => {
  const shown = await call(two(), 'proxmox_guest_info', '--guest=dr-web')
  expect(shown).toContain('dr-web')
  expect(shown).not.toContain('prod-web')
})

test('one cluster is declared by its own variables', async () => {
  const env = { ...variables('PROXMOX_', 'beta'), PROXMOX_VERIFY: 'false' }
  expect(await call(env, 'proxmox_list_guests')).toContain('dr-web')
})

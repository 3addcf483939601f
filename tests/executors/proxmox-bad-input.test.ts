import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { ProxmoxConnection } from '../../src/core/connection.ts'
import { get, post } from '../../src/core/operation.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { Secret } from '../../src/lib/secret.ts'
import { eventually } from '../support/eventually.ts'
import { movedClock } from '../support/moved-clock.ts'
import { type NodeCertificates, openCertificates } from '../support/pve/certificates.ts'
import { faults } from '../support/pve/faults.ts'
import { proxmoxAt } from '../support/pve/proxmox-target.ts'
import { fullToken, openStandIn, type StandIn } from '../support/pve/stand-in.ts'
import { limits } from './conformance.ts'

let certificates: NodeCertificates
beforeAll(() => {
  certificates = openCertificates()
})
afterAll(() => certificates.remove())

const open: { stop(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop()
})

async function standIn(tls?: NodeCertificates['tls']) {
  const clock = movedClock()
  const guests = [{ vmid: 101, node: 'pve1' }]
  const pve = await openStandIn({ clock, clusters: [{ name: 'a', guests }], ...(tls && { tls }) })
  open.push(pve)
  return { pve, clock, cluster: pve.cluster('a') }
}

function executorAt(urls: readonly string[], more: Partial<ProxmoxConnection> = {}, clock: Clock = systemClock) {
  const executor = openProxmox('a', proxmoxAt(urls, more), clock)
  open.push({ stop: () => executor.close() })
  return executor
}

const start = post('/nodes/pve1/lxc/101/status/start')

describe('a token that Proxmox refuses', () => {
  /** What becomes of a change, after the three seconds that every refusal takes. */
  async function refused(pve: StandIn, clock: ReturnType<typeof movedClock>, more: Partial<ProxmoxConnection>) {
    const performing = executorAt(pve.cluster('a').urls, more, clock).perform(start, limits({ timeoutMs: 30_000 }))
    const failing = performing.catch((error: unknown) => error)
    await eventually(() => pve.requests.length === 1, 'it is asked for')
    await clock.sleeper(3000)
    clock.advance(3000)
    const error = await failing
    expect([pve.requests.length, pve.effects()]).toEqual([1, []])
    return error
  }

  const told = {
    code: 'credentials_rejected',
    message: `Proxmox rejects the token ${fullToken.id}: Authentication failed!`,
    hint: expect.stringContaining('pveum user token list root@pam shows whether tailops exists and has not expired'),
  }

  test('because its secret is wrong is asked with once, and says where to look', async () => {
    const { pve, clock } = await standIn()
    expect(await refused(pve, clock, { tokenSecret: new Secret('wrong') })).toMatchObject(told)
  })

  test('because it has expired is asked with once, and says where to look', async () => {
    const { pve, clock, cluster } = await standIn()
    const { access } = cluster.world
    access.tokens = access.tokens.map((token) => ({ ...token, expire: clock.now().getTime() / 1000 - 60 }))
    expect(await refused(pve, clock, {})).toMatchObject(told)
  })

  test('because its user is disabled says how to see that', async () => {
    const { pve, clock, cluster } = await standIn()
    cluster.world.access.users = cluster.world.access.users.map((user) => ({ ...user, enabled: false }))
    expect(await refused(pve, clock, {})).toMatchObject({ ...told, hint: expect.stringContaining('pveum user list') })
  })
})

describe('a node', () => {
  test('that comes back with another certificate is refused before anything is sent, kept connections or not', async () => {
    let name = 'old'
    const { pve, cluster } = await standIn((of, node) => certificates.tls(`${name}-${of}`, node))
    const fingerprints = [certificates.tls('old-a', 'pve1').fingerprint]
    const executor = executorAt([cluster.url('pve1')], { tls: { verify: true, fingerprints } })
    expect(await executor.perform(get('/version'), limits())).toMatchObject({ ok: true })
    name = 'new'
    cluster.world.setNodeState('pve1', 'offline')
    cluster.world.setNodeState('pve1', 'online')
    await pve.settled()
    const asked = pve.requests.length
    const line = `fingerprint: "${certificates.tls('new-a', 'pve1').fingerprint}"`
    for (const operation of [get('/version'), start])
      await expect(executor.perform(operation, limits())).rejects.toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining(`is not the pinned one; accepted with ${line}`),
        hint: expect.stringContaining('targets.yaml'),
      })
    expect([pve.requests.length, pve.effects()]).toEqual([asked, []])
  })

  test('that is asked in plain HTTP where it speaks TLS gets nothing done', async () => {
    const { pve, cluster } = await standIn(certificates.tls)
    const executor = executorAt([cluster.url('pve1').replace('https:', 'http:')])
    await expect(executor.perform(start, limits())).rejects.toMatchObject({
      code: 'interrupted',
      hint: expect.stringContaining('if it speaks TLS, write api_url with https://'),
    })
    expect([pve.requests, pve.effects()]).toEqual([[], []])
  })

  test('that sends plain HTTP to https asks for https, for a change too', async () => {
    const { pve, cluster } = await standIn()
    pve.fault(faults.redirect())
    await expect(executorAt(cluster.urls).perform(start, limits())).rejects.toMatchObject({
      code: 'unreachable',
      hint: 'write api_url with https://',
    })
    expect(pve.effects()).toEqual([])
  })

  test('that breaks off in the middle of its answer leaves a change open, and fails a read', async () => {
    const { pve, cluster } = await standIn()
    pve.fault(faults.half())
    const executor = executorAt([cluster.url('pve1')])
    for (const operation of [get('/cluster/resources'), start])
      await expect(executor.perform(operation, limits())).rejects.toMatchObject({
        code: 'interrupted',
        hint: expect.stringContaining('it may have done what was asked: look before repeating it'),
      })
  })

  test('that hangs for 30 s is given up at the limit, and says which limit', async () => {
    const { pve, clock, cluster } = await standIn()
    cluster.world.setNodeState('pve1', 'hanging')
    const executor = executorAt([cluster.url('pve1')], {}, clock)
    const failing = executor.perform(get('/version'), limits({ timeoutMs: 30_000 })).catch((error: unknown) => error)
    await eventually(() => pve.requests.length === 1, 'it is asked')
    clock.advance(30_000)
    expect(await failing).toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/^127\.0\.0\.1:\d+ gave no answer within 30000 ms$/),
      hint: 'constraints.timeout of the cluster is the limit',
    })
  })

  test('that hangs behind another one is named after 30 s', async () => {
    const { pve, clock, cluster } = await standIn()
    cluster.world.setNodeState('pve2', 'hanging')
    const executor = executorAt([cluster.url('pve1')], {}, clock)
    const reading = executor.perform(get('/nodes/pve2/status'), limits({ timeoutMs: 60_000 }))
    await eventually(() => pve.requests.length === 1, 'it is asked')
    await clock.sleeper(30_000)
    clock.advance(30_000)
    expect(await reading).toMatchObject({
      ok: false,
      status: 596,
      errorOutput: 'node pve2 does not answer (596 Connection timed out)',
    })
  })
})

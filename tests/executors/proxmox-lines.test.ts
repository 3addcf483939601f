import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { createServer, type Server } from 'node:net'
import type { TlsRules } from '../../src/core/connection.ts'
import { get, post } from '../../src/core/operation.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { eventually } from '../support/eventually.ts'
import { serve } from '../support/https-server.ts'
import { movedClock } from '../support/moved-clock.ts'
import { type NodeCertificates, openCertificates } from '../support/pve/certificates.ts'
import { proxmoxAt } from '../support/pve/proxmox-target.ts'
import { openReplay, type Replay, type Replayed } from '../support/pve/replay.ts'
import { openStandIn, type StandIn } from '../support/pve/stand-in.ts'
import { limits } from './conformance.ts'

const open: { stop(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop()
})

const version: Replayed = {
  method: 'GET',
  path: '/version',
  status: 200,
  reason: 'OK',
  body: { data: { version: '9' } },
}
const gone: Replayed = { method: 'GET', path: '/version', status: 595, reason: 'Connection refused', body: '' }
const start: Replayed = { method: 'POST', path: '/nodes/pve1/x', status: 200, reason: 'OK', body: { data: null } }

async function replaying(...replies: readonly Replayed[]): Promise<Replay> {
  const replay = await openReplay(replies)
  open.push(replay)
  return replay
}

function executorAt(urls: readonly string[], tls: TlsRules = { verify: true }, clock = systemClock) {
  const executor = openProxmox('lab', proxmoxAt(urls, { tls }), clock)
  open.push({ stop: () => executor.close() })
  return executor
}

/** A port of this machine where nothing listens. */
async function deadUrl(): Promise<string> {
  const server: Server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

describe('a connection to Proxmox VE', () => {
  test('is kept for the next reads', async () => {
    const replay = await replaying(version)
    const executor = executorAt([replay.url])
    for (let n = 0; n < 5; n++) await executor.perform(get('/version'), limits())
    expect([replay.requests.length, replay.connections.length]).toEqual([5, 1])
  })

  test('that the peer closed meanwhile is replaced, for a read', async () => {
    const replay = await replaying(version, { ...version, cutAfter: 0 }, version)
    const executor = executorAt([replay.url])
    await executor.perform(get('/version'), limits())
    expect(await executor.perform(get('/version'), limits())).toMatchObject({ ok: true })
    expect([replay.requests.length, replay.connections.length]).toEqual([3, 2])
  })

  test('that was kept is not used for a write, which is sent once', async () => {
    const replay = await replaying(version, { ...start, cutAfter: 0 }, start)
    const executor = executorAt([replay.url])
    await executor.perform(get('/version'), limits())
    await expect(executor.perform(post('/nodes/pve1/x'), limits())).rejects.toMatchObject({ code: 'interrupted' })
    expect(replay.requests).toEqual(['GET /version', 'POST /nodes/pve1/x'])
    expect(replay.connections.length).toBe(2)
  })

  test('that ends after 100 requests, as pveproxy ends it, costs no read', async () => {
    const pve = await openStandIn({ clusters: [{ name: 'a' }] })
    open.push(pve)
    const executor = executorAt([pve.cluster('a').url('pve1')])
    for (let n = 0; n < 210; n++) expect((await executor.perform(get('/version'), limits())).ok).toBe(true)
    expect(pve.requests.length).toBe(210)
  })

  test('is closed after an error, as pveproxy closes it', async () => {
    const replay = await replaying(version)
    const executor = executorAt([replay.url])
    await executor.perform(get('/nosuch'), limits())
    await executor.perform(get('/version'), limits())
    expect(replay.connections.length).toBe(2)
  })

  test('serves many reads at once, and no more than eight are kept', async () => {
    const replay = await replaying(version)
    const executor = executorAt([replay.url])
    await Promise.all(Array.from({ length: 16 }, () => executor.perform(get('/version'), limits())))
    expect(replay.requests.length).toBe(16)
    await eventually(() => replay.connections.filter(({ destroyed }) => !destroyed).length <= 8, 'eight are left')
  })

  test('ends with the executor', async () => {
    const replay = await replaying(version)
    const executor = executorAt([replay.url])
    await executor.perform(get('/version'), limits())
    await executor.close()
    await eventually(() => replay.connections.every(({ destroyed }) => destroyed), 'all are closed')
  })

  test('where nothing listens is named with its setting', async () => {
    const url = await deadUrl()
    await expect(executorAt([url]).perform(get('/version'), limits())).rejects.toMatchObject({
      code: 'unreachable',
      message: `${new URL(url).host} refuses the connection`,
      hint: 'is the service running, and is the port of api_url right?',
    })
  })
})

describe('a cluster with several API URLs', () => {
  test('is read from the next one when one is dead, and then stays there', async () => {
    const [first, second] = [await replaying(version, version, { ...version, cutAfter: 0 }), await replaying(version)]
    const executor = executorAt([await deadUrl(), first.url, second.url])
    await executor.perform(get('/version'), limits())
    await executor.perform(get('/version'), limits())
    expect([first.requests.length, second.requests.length]).toEqual([2, 0])
  })

  test('is read from the next one when one breaks off', async () => {
    const [bad, good] = [await replaying({ ...version, cutAfter: 20 }), await replaying(version)]
    expect(await executorAt([bad.url, good.url]).perform(get('/version'), limits())).toMatchObject({ ok: true })
  })

  test('asks one that failed lately only when nobody else is left, until its pause is over', async () => {
    const clock = movedClock()
    const [bad, good, third] = [await failing(), await replaying(version), await replaying(version)]
    const executor = executorAt([bad.url, good.url, third.url], { verify: true }, clock)
    const read = () => executor.perform(get('/version'), limits())
    await read()
    await good.stop()
    await read()
    expect([bad.requests.length, third.requests.length]).toEqual([1, 1])
    clock.advance(2001)
    await third.stop()
    await expect(read()).rejects.toMatchObject({ code: 'unreachable' })
    expect(bad.requests.length).toBe(2)
  })

  const failing = () => replaying({ ...version, cutAfter: 0 })

  test('of which one hangs is read from the next, and the one that hangs comes last from then on', async () => {
    const clock = movedClock()
    const [mute, good] = [await silent(), await replaying(version)]
    const executor = executorAt([mute.url, good.url], { verify: true }, clock)
    const reading = executor.perform(get('/version'), limits({ timeoutMs: 30_000 }))
    await eventually(() => mute.requests() === 1, 'the one that hangs is asked')
    clock.advance(10_000)
    expect(await reading).toMatchObject({ ok: true })
    expect(await executor.perform(get('/version'), limits())).toMatchObject({ ok: true })
    expect([mute.requests(), good.requests.length]).toEqual([1, 2])
  })

  /** Takes requests and answers none. */
  async function silent() {
    const service = await serve(() => undefined)
    open.push({ stop: service.close })
    return { url: service.url, requests: () => service.seen.length }
  }

  test('is not asked elsewhere about a node that is gone: another way makes no difference', async () => {
    const dead = { ...gone, path: '/nodes/pve3/status' }
    const [first, second] = [await replaying(dead), await replaying(dead)]
    const outcome = await executorAt([first.url, second.url]).perform(get('/nodes/pve3/status'), limits())
    expect(outcome).toMatchObject({ ok: false, status: 595 })
    expect(second.requests).toEqual([])
  })

  test('is asked elsewhere what no node was named for', async () => {
    const [first, second] = [await replaying(gone), await replaying(version)]
    expect(await executorAt([first.url, second.url]).perform(get('/version'), limits())).toMatchObject({ ok: true })
  })

  test('takes a write at the one that answered last, and never at another one', async () => {
    const [first, second] = [await replaying({ ...start, cutAfter: 0 }), await replaying(start)]
    const executor = executorAt([first.url, second.url])
    await expect(executor.perform(post('/nodes/pve1/x'), limits())).rejects.toMatchObject({ code: 'interrupted' })
    expect(second.requests).toEqual([])
    const other = executorAt([await deadUrl(), second.url])
    await expect(other.perform(post('/nodes/pve1/x'), limits())).rejects.toMatchObject({ code: 'unreachable' })
    expect(await other.perform(post('/nodes/pve1/x'), limits())).toMatchObject({ ok: true })
  })

  test('of which none answers says so of each', async () => {
    const urls = [await deadUrl(), await deadUrl()]
    await expect(executorAt(urls).perform(get('/version'), limits())).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(
        /^none of 2 API URLs answers: .*refuses the connection; .*refuses the connection$/,
      ),
    })
  })
})

describe('the certificate of a node', () => {
  let certificates: NodeCertificates
  let standIn: StandIn
  beforeAll(async () => {
    certificates = openCertificates()
    standIn = await openStandIn({ clusters: [{ name: 'a' }], tls: certificates.tls })
  })
  afterAll(async () => {
    await standIn.stop()
    certificates.remove()
  })
  const reading = (tls: TlsRules, urls = [standIn.cluster('a').url('pve1')]) =>
    executorAt(urls, tls).perform(get('/version'), limits())

  test('that is unknown is refused with the line that would accept it, and that line does', async () => {
    const { fingerprint = '' } = standIn.cluster('a')
    const line = `fingerprint: "${fingerprint}"`
    await expect(reading({ verify: true })).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(line),
    })
    await expect(reading({ verify: true })).rejects.not.toMatchObject({ message: expect.stringContaining('tls: {') })
    expect(await reading({ verify: true, fingerprints: [fingerprint] })).toMatchObject({ ok: true })
    expect(await reading({ verify: true, fingerprints: [fingerprint.toLowerCase()] })).toMatchObject({ ok: true })
  })

  test('of a further node is refused with the line that has the known pins too, and that line serves for all', async () => {
    const [first = '', second = '', third = ''] = standIn.clusters[0]?.urls ?? []
    const pins = ['pve1', 'pve2'].map((node) => certificates.tls('a', node).fingerprint)
    const only = { verify: true, fingerprints: pins.slice(0, 1) }
    await expect(reading(only, [second, third])).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(
        `accepted with fingerprint: ["${pins[0]}", "${pins[1]}"] (each node has its own`,
      ),
    })
    for (const url of [first, second])
      expect(await reading({ verify: true, fingerprints: pins }, [url])).toMatchObject({ ok: true })
    await expect(reading({ verify: true, fingerprints: pins }, [third])).rejects.toMatchObject({
      message: expect.stringContaining('is none of the 2 pinned ones'),
    })
  })

  test('that changed since it was pinned is refused before the token is sent', async () => {
    const before = standIn.requests.length
    const { fingerprint } = certificates.tls('a', 'pve2')
    await expect(reading({ verify: true, fingerprints: [fingerprint] })).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/is not the pinned one; accepted with fingerprint: "/),
    })
    expect(standIn.requests.length).toBe(before)
  })

  test('is accepted when the authority of the cluster is known, on every node', async () => {
    for (const url of standIn.cluster('a').urls)
      expect(await reading({ verify: true, caFile: certificates.ca }, [url])).toMatchObject({ ok: true })
  })

  test('of one of several nodes: the line says that the authority serves for all', async () => {
    await expect(reading({ verify: true }, [...standIn.cluster('a').urls])).rejects.toMatchObject({
      message: expect.stringContaining('/etc/pve/pve-root-ca.pem'),
    })
  })

  test('is not looked at with verify: false', async () => {
    expect(await reading({ verify: false })).toMatchObject({ ok: true })
  })

  test('connections are kept over TLS too', async () => {
    const executor = executorAt([standIn.cluster('a').url('pve1')], { verify: true, caFile: certificates.ca })
    for (let n = 0; n < 3; n++) expect(await executor.perform(get('/version'), limits())).toMatchObject({ ok: true })
  })

  test('is asked for in vain where plain HTTP is spoken', async () => {
    const { url, close } = await serve((_, response) => void response.end())
    open.push({ stop: close })
    await expect(reading({ verify: true }, [url.replace('http:', 'https:')])).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('api_url: http://'),
    })
  })
})

import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { Agent, request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { TLSSocket } from 'node:tls'
import { openDemo } from '../../src/demo/demo.ts'
import { seededRandom } from '../../src/demo/seeded.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { eventually } from '../support/eventually.ts'
import { movedClock } from '../support/moved-clock.ts'
import { ask } from '../support/pve/ask.ts'
import { type NodeCertificates, openCertificates } from '../support/pve/certificates.ts'
import { type Fault, faults } from '../support/pve/faults.ts'
import { openStandIn, type StandIn } from '../support/pve/stand-in.ts'

let certificates: NodeCertificates
let standIn: StandIn | undefined
beforeAll(() => {
  certificates = openCertificates()
})
afterEach(async () => {
  await standIn?.stop()
  standIn = undefined
})
afterAll(() => certificates.remove())

async function open(tls?: NodeCertificates['tls']) {
  const clock = movedClock()
  const guests = [{ vmid: 101, node: 'pve1' }]
  standIn = await openStandIn({ clock, clusters: [{ name: 'lab', guests }], ...(tls && { tls }) })
  return { clock, standIn, lab: standIn.cluster('lab') }
}

test('over TLS each node shows the certificate whose fingerprint the cluster tells', async () => {
  const { lab } = await open(certificates.tls)
  const headers = { authorization: `PVEAPIToken=${lab.tokenId}=${lab.tokenSecret}` }
  const shown = await new Promise((resolve, reject) => {
    const asked = request(`${lab.url('pve2')}/api2/json/version`, { ca: readFileSync(certificates.ca), headers })
    asked.on('response', ({ socket, statusCode }) => {
      resolve([statusCode, socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : ''])
    })
    asked.on('error', reject).end()
  })
  expect(shown).toEqual([200, lab.world.node('pve2')?.fingerprint])
})

test('a node that comes back with another certificate shows it', async () => {
  let name = 'old'
  const { standIn, lab } = await open((cluster, node) => certificates.tls(`${name}-${cluster}`, node))
  const shown = () =>
    new Promise<string>((resolve, reject) => {
      const asked = request(`${lab.url('pve2')}/`, { ca: readFileSync(certificates.ca), agent: false })
      asked.on('socket', (socket) => {
        socket.on('secureConnect', () => {
          resolve(socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : '')
          asked.destroy()
        })
      })
      asked.on('error', reject).end()
    })
  expect(await shown()).toBe(certificates.tls('old-lab', 'pve2').fingerprint)
  name = 'new'
  lab.world.setNodeState('pve2', 'offline')
  lab.world.setNodeState('pve2', 'online')
  await standIn.settled()
  expect(await shown()).toBe(certificates.tls('new-lab', 'pve2').fingerprint)
})

test('errors stand in the reason phrase, and end the connection', async () => {
  const { lab } = await open()
  expect(await ask(lab, '/nodes/pve1/lxc/101/status/shutdown', { method: 'POST' })).toEqual({
    status: 500,
    reason: 'CT 101 not running',
    body: { data: null, message: 'CT 101 not running\n' },
    connection: 'close',
  })
  expect((await ask(lab, '/version')).connection).toBe('Keep-Alive')
})

test('answers bear the time of the simulated clock', async () => {
  const { clock, lab } = await open()
  clock.advance(3_600_000)
  const headers = { authorization: `PVEAPIToken=${lab.tokenId}=${lab.tokenSecret}` }
  const response = await fetch(`${lab.urls[0]}/api2/json/version`, { headers })
  await response.text()
  expect(response.headers.get('date')).toBe('Thu, 01 Jan 2026 01:00:00 GMT')
})

test('a connection ends after a hundred answers', async () => {
  const { lab } = await open()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const headers = { authorization: `PVEAPIToken=${lab.tokenId}=${lab.tokenSecret}` }
  const once = () =>
    new Promise((resolve, reject) => {
      const asked = plainRequest(`${lab.urls[0]}/api2/json/version`, { agent, headers }, (response) => {
        response.resume().on('end', () => resolve(response.headers.connection))
      })
      asked.on('error', reject).end()
    })
  const said: unknown[] = []
  for (let count = 0; count < 100; count += 1) said.push(await once())
  agent.destroy()
  expect([said.indexOf('close'), said[98]]).toEqual([99, 'Keep-Alive'])
})

test('a node that hangs takes the request and says nothing', async () => {
  const { standIn, lab } = await open()
  lab.world.setNodeState('pve1', 'hanging')
  const giveUp = new AbortController()
  const hanging = ask(lab, '/version', { signal: giveUp.signal })
  await eventually(() => standIn.requests.length === 1, 'the request arrives')
  giveUp.abort()
  await expect(hanging).rejects.toThrow()
  expect((await ask(lab, '/version', { node: 'pve2' })).status).toBe(200)
})

test('what the schema refuses is refused in the same words, and written down', async () => {
  const { standIn, lab } = await open()
  expect(await ask(lab, '/version?foo=bar')).toMatchObject({
    status: 400,
    reason: 'Parameter verification failed.',
    body: { errors: { foo: 'property is not defined in schema and the schema does not allow additional properties' } },
  })
  expect((await ask(lab, '/nodes/pve1/nosuch')).status).toBe(501)
  expect(standIn.violations).toHaveLength(2)
})

test.each([
  ['403', faults.forbidden(), 403],
  ['500', faults.serverError(), 500],
  ['595', faults.refused(), 595],
  ['596', faults.timedOut(), 596],
])('a %s can be asked for, once, and nothing is done', async (_, fault: Fault, status) => {
  const { clock, standIn, lab } = await open()
  standIn.fault(fault, { method: 'POST', times: 1 })
  const path = '/nodes/pve1/lxc/101/status/start'
  expect((await ask(lab, path, { method: 'POST' })).status).toBe(status)
  clock.advance(5000)
  expect(standIn.effects()).toEqual([])
  expect((await ask(lab, path, { method: 'POST' })).status).toBe(200)
})

test.each([
  ['before', []],
  ['after', ['accepted', 'started']],
] as const)('a connection reset %s the effect: the log of effects knows', async (when, effects) => {
  const { clock, standIn, lab } = await open()
  standIn.fault(faults.reset(when))
  await expect(ask(lab, '/nodes/pve1/lxc/101/status/start', { method: 'POST' })).rejects.toThrow()
  clock.advance(5000)
  expect(standIn.effects().map(({ effect }) => effect)).toEqual([...effects])
})

test('half an answer breaks off', async () => {
  const { standIn, lab } = await open()
  standIn.fault(faults.half(), { path: '/nodes' })
  await expect(ask(lab, '/nodes')).rejects.toThrow()
  expect((await ask(lab, '/version')).status).toBe(200)
})

test('a slow answer waits for the clock, a hanging one for ever', async () => {
  const { clock, standIn, lab } = await open()
  standIn.fault(faults.slow(20_000), { path: '/version' })
  const slow = ask(lab, '/version')
  await clock.sleeper(20_000)
  clock.advance(20_000)
  expect((await slow).status).toBe(200)
  standIn.fault(faults.hang(), { path: '/nodes' })
  const giveUp = new AbortController()
  const hanging = ask(lab, '/nodes', { signal: giveUp.signal })
  await eventually(() => standIn.requests.includes('GET /nodes'), 'the request arrives')
  giveUp.abort()
  await expect(hanging).rejects.toThrow()
})

test('the demo serves two clusters on loopback', async () => {
  const demo = await openDemo(systemClock, seededRandom(3))
  try {
    expect(demo.clusters.map(({ name, urls }) => [name, urls.length])).toEqual([
      ['home', 3],
      ['office', 3],
    ])
    expect(demo.clusters.flatMap(({ urls }) => urls).every((url) => url.startsWith('http://127.0.0.1:'))).toBe(true)
  } finally {
    await demo.stop()
  }
})

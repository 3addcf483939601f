import { afterEach, expect, test } from 'bun:test'
import { Access } from '../../src/demo/access.ts'
import { movedClock } from '../support/moved-clock.ts'
import { ask, list } from '../support/pve/ask.ts'
import { openStandIn, type StandIn, type StandInCluster } from '../support/pve/stand-in.ts'

const secret = '00000000-0000-4000-8000-000000000001'

const access = () =>
  new Access({
    users: [
      { id: 'gw@pve', password: 'gw-password-1' },
      { id: 'root@pam', password: 'root-password' },
    ],
    tokens: [
      { id: 'gw@pve!full', secret, privsep: false },
      { id: 'gw@pve!none', secret, privsep: true },
      { id: 'gw@pve!web', secret, privsep: true },
      { id: 'gw@pve!strong', secret, privsep: true },
      { id: 'gw@pve!old', secret, privsep: false, expire: 1_700_000_000 },
    ],
    acls: [
      { path: '/', to: 'gw@pve', role: 'PVEAuditor' },
      { path: '/pool/web', to: 'gw@pve!web', role: 'PVEAuditor' },
      { path: '/vms', to: 'gw@pve!strong', role: 'PVEVMAdmin' },
    ],
    key: 'a key',
  })

let standIn: StandIn | undefined
afterEach(async () => {
  await standIn?.stop()
  standIn = undefined
})

async function open() {
  const clock = movedClock(new Date('2026-11-21T12:00:00Z'))
  const guests = [
    { vmid: 101, node: 'pve1', pool: 'web' },
    { vmid: 102, node: 'pve1' },
  ]
  standIn = await openStandIn({
    clock,
    clusters: [{ name: 'lab', access: access(), guests, pools: [{ name: 'web' }] }],
  })
  return { clock, lab: standIn.cluster('lab') }
}

const as = (lab: StandInCluster, token: string): StandInCluster => ({
  ...lab,
  tokenId: `gw@pve!${token}`,
  tokenSecret: secret,
})

const idsOf = async (lab: StandInCluster, token: string) =>
  (await list(as(lab, token), '/cluster/resources?type=vm')).map(({ id }) => id)

test('a separated token without rights of its own sees empty lists, and its nodes bare', async () => {
  const { lab } = await open()
  expect(await idsOf(lab, 'full')).toEqual(['lxc/101', 'lxc/102'])
  expect(await idsOf(lab, 'none')).toEqual([])
  expect(await list(as(lab, 'none'), '/nodes/pve1/lxc')).toEqual([])
  expect((await ask(as(lab, 'none'), '/access/permissions')).body).toEqual({ data: {} })
  const [node] = await list(as(lab, 'none'), '/cluster/resources')
  expect(node).toEqual({ id: 'node/pve1', node: 'pve1', type: 'node', status: 'online', level: '', 'cgroup-mode': 2 })
})

test('rights on a pool are rights on its guests', async () => {
  const { lab } = await open()
  expect(await idsOf(lab, 'web')).toEqual(['lxc/101'])
  expect((await ask(as(lab, 'web'), '/nodes/pve1/lxc/101/config')).status).toBe(200)
  expect(await ask(as(lab, 'web'), '/nodes/pve1/lxc/102/config')).toMatchObject({
    status: 403,
    reason: 'Permission check failed (/vms/102, VM.Audit)',
  })
})

test('a separated token never has a right that its user lacks', async () => {
  const { lab } = await open()
  const start = await ask(as(lab, 'strong'), '/nodes/pve1/lxc/102/status/start', { method: 'POST' })
  expect([start.status, start.reason]).toEqual([403, 'Permission check failed (/vms/102, VM.PowerMgmt)'])
})

test.each([
  ['no credentials', {}, 'No ticket'],
  ['a wrong secret', { authorization: 'PVEAPIToken=gw@pve!full=nope' }, 'Authentication failed!'],
  ['a token that has expired', { authorization: `PVEAPIToken=gw@pve!old=${secret}` }, 'Authentication failed!'],
  ['a made-up ticket', { cookie: 'PVEAuthCookie=PVE:gw@pve:6B010FE7::abcdef' }, 'Authentication failed!'],
])('%s: 401 without a body, after three seconds', async (_, headers, reason) => {
  const { clock, lab } = await open()
  const answered = ask(lab, '/version', { headers })
  await clock.sleeper(3000)
  clock.advance(3000)
  expect(await answered).toMatchObject({ status: 401, reason, body: undefined })
})

async function login(lab: StandInCluster, password: string) {
  const { body } = await ask(lab, '/access/ticket', {
    method: 'POST',
    headers: {},
    form: { username: 'gw@pve', password },
  })
  return Object(body?.data)
}

test('a ticket reads, writes only with its token against forgery, is renewed by itself, and lasts two hours', async () => {
  const { clock, lab } = await open()
  const { ticket, CSRFPreventionToken: csrf } = await login(lab, 'gw-password-1')
  const cookie = `PVEAuthCookie=${encodeURIComponent(ticket)}`
  expect((await ask(lab, '/version', { headers: { cookie } })).status).toBe(200)
  const path = '/nodes/pve1/lxc/102/status/start'
  const unsafe = ask(lab, path, { method: 'POST', headers: { cookie } })
  await clock.sleeper(3000)
  clock.advance(3000)
  expect(await unsafe).toMatchObject({ status: 401, reason: 'Permission denied - invalid csrf token' })
  const safe = await ask(lab, path, { method: 'POST', headers: { cookie, csrfpreventiontoken: csrf } })
  expect(safe.status).toBe(403)
  clock.advance(3_600_000)
  const renewed = await login(lab, ticket)
  clock.advance(3_600_000)
  const old = ask(lab, '/version', { headers: { cookie } })
  await clock.sleeper(3000)
  clock.advance(3000)
  expect((await old).status).toBe(401)
  const fresh = { cookie: `PVEAuthCookie=${encodeURIComponent(renewed.ticket)}` }
  expect((await ask(lab, '/version', { headers: fresh })).status).toBe(200)
})

test('a wrong password is a 401 that says so', async () => {
  const { clock, lab } = await open()
  const form = { username: 'gw@pve', password: 'wrong' }
  const answered = ask(lab, '/access/ticket', { method: 'POST', headers: {}, form })
  await clock.sleeper(3000)
  clock.advance(3000)
  expect(await answered).toMatchObject({ status: 401, body: { data: null, message: 'authentication failure\n' } })
})

test('a role deeper down replaces the one from above', async () => {
  const { lab } = await open()
  lab.world.access.acls = [...lab.world.access.acls, { path: '/vms/102', to: 'gw@pve', role: 'NoAccess' }]
  expect(await idsOf(lab, 'full')).toEqual(['lxc/101'])
})

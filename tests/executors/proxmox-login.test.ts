import { afterEach, describe, expect, test } from 'bun:test'
import { inspect } from 'node:util'
import type { ProxmoxConnection } from '../../src/core/connection.ts'
import { get, post } from '../../src/core/operation.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { Secret } from '../../src/lib/secret.ts'
import { eventually } from '../support/eventually.ts'
import { hastyClock } from '../support/hasty-clock.ts'
import { movedClock } from '../support/moved-clock.ts'
import { faults } from '../support/pve/faults.ts'
import { proxmoxAt } from '../support/pve/proxmox-target.ts'
import { recordings } from '../support/pve/recordings.ts'
import { openReplay, type Replayed } from '../support/pve/replay.ts'
import { openStandIn } from '../support/pve/stand-in.ts'
import { changes } from '../support/pve/task-world.ts'
import { limits } from './conformance.ts'

const open: { stop(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop()
})

const login = (username: string, password: string): Partial<ProxmoxConnection> => ({
  tokenId: undefined,
  tokenSecret: undefined,
  username,
  password: new Secret(password),
})

const start = post('/nodes/pve1/lxc/101/status/start')
const hour = 3_600_000

async function opened<C extends Clock>(clock: C, password = 'root-password') {
  const pve = await openStandIn({ clock, clusters: [{ name: 'a', guests: [{ vmid: 101, node: 'pve1' }] }] })
  const executor = openProxmox('a', proxmoxAt(pve.cluster('a').urls, login('root@pam', password)), clock)
  open.push(pve, { stop: () => executor.close() })
  return { pve, executor, clock }
}

async function standIn(password?: string) {
  const { pve, executor, clock } = await opened(movedClock(), password)
  const logins = () => pve.requests.filter((request) => request === 'POST /access/ticket').length
  const read = () => executor.perform(get('/version'), limits({ timeoutMs: 60_000 }))
  return { clock, pve, executor, logins, read, access: pve.cluster('a').world.access }
}

const replayed = (name: string, change: Partial<Replayed> = {}): Replayed => {
  const found = recordings.get(name)
  if (found === undefined) throw new Error(`no recording ${name}`)
  return { ...found, ...change }
}

const version = replayed('version')
const rejected = replayed('err-401-bad-ticket')
const good = replayed('ticket-ok')

async function replaying(replies: readonly Replayed[]) {
  const clock = movedClock()
  const replay = await openReplay(replies)
  const executor = openProxmox('lab', proxmoxAt([replay.url], login('gw@pve', 'gw-password-1')), clock)
  open.push(replay, { stop: () => executor.close() })
  return { replay, executor, clock, read: () => executor.perform(get('/version'), limits()) }
}

describe('a login to Proxmox VE', () => {
  test('is made once for many calls at once, and its ticket serves the next ones', async () => {
    const { pve, logins, read } = await standIn()
    const outcomes = await Promise.all(Array.from({ length: 8 }, read))
    expect(outcomes.every(({ ok }) => ok)).toBe(true)
    await read()
    expect([logins(), pve.requests.length, pve.violations]).toEqual([1, 10, []])
  })

  test('is asked for and shown as recorded: the ticket as cookie, and for a change the token against forgery', async () => {
    const { replay, executor, read } = await replaying([
      good,
      version,
      { ...replayed('cookie-post-ok'), body: { data: null } },
    ])
    await read()
    await executor.perform(post('/nodes/pve1/lxc/102/status/start'), limits())
    const [asked = '', reading = '', change = ''] = replay.heads
    expect(JSON.parse(replay.bodies[0] ?? '')).toEqual({ username: 'gw@pve', password: 'gw-password-1' })
    const [, cookie = ''] = /^cookie: PVEAuthCookie=(.*)$/im.exec(reading) ?? []
    expect({ data: { ticket: decodeURIComponent(cookie) } }).toMatchObject({
      data: { ticket: expect.stringMatching(/^PVE:gw@pve:6B010FE7::GdZttxrRt.*==$/) },
    })
    expect(change).toContain('6B010FE7:WYb7Jp/wIpoAa8qRQ4ThpKWySmLLnCKZyZT7F6HU/PA')
    expect(reading).not.toMatch(/csrf|authorization/i)
    expect(asked).not.toMatch(/csrf|authorization|cookie/i)
  })

  test('lets changes through, which are followed to their end, or found when they were lost', async () => {
    const { pve, clock, executor } = await opened(hastyClock())
    expect(await executor.perform(start, limits({ timeoutMs: 60_000 }))).toMatchObject({ ok: true })
    pve.fault(faults.reset('after'), { method: 'POST', path: /status/ })
    const at = clock.now()
    const stop = post('/nodes/pve1/lxc/101/status/stop')
    await expect(executor.perform(stop, limits())).rejects.toMatchObject({ code: 'interrupted' })
    clock.advance(60_000)
    expect(await executor.reconcile(stop, { at, step: 's' })).toMatchObject({ state: 'done' })
    expect([changes(pve), pve.violations]).toEqual([['started 101', 'stopped 101'], []])
  })

  test('is renewed after an hour and a half by its ticket, without the password', async () => {
    const { clock, logins, read, access } = await standIn()
    await read()
    access.users = access.users.map((user) => ({ ...user, password: 'another one' }))
    clock.advance(1.4 * hour)
    await read()
    expect(logins()).toBe(1)
    clock.advance(0.2 * hour)
    expect(await read()).toMatchObject({ ok: true })
    expect(logins()).toBe(2)
    clock.advance(1.6 * hour)
    expect(await read()).toMatchObject({ ok: true })
    expect(logins()).toBe(3)
  })

  test('is made by password when the ticket has expired', async () => {
    const { clock, logins, read } = await standIn()
    await read()
    clock.advance(5 * hour)
    expect(await read()).toMatchObject({ ok: true })
    expect(logins()).toBe(2)
  })

  test('is made by password when the ticket is refused for a renewal', async () => {
    const replies = [good, replayed('err-401-bad-login'), replayed('ticket-renew'), version]
    const { replay, clock, read } = await replaying(replies)
    await read()
    clock.advance(1.6 * hour)
    expect(await read()).toMatchObject({ ok: true })
    const passwords = replay.bodies.filter((body) => body !== '').map((body) => String(JSON.parse(body).password))
    expect(passwords.map((password) => password.slice(0, 10))).toEqual(['gw-passwor', 'PVE:gw@pve', 'gw-passwor'])
  })

  test('is made anew once when its ticket is no longer accepted, by password', async () => {
    const { replay, read } = await replaying([good, version, rejected, version])
    await read()
    expect(await read()).toMatchObject({ ok: true })
    const asked = ['POST /access/ticket', 'GET /version']
    expect(replay.requests).toEqual([...asked, 'GET /version', ...asked])
    expect(JSON.parse(replay.bodies[3] ?? '')).toMatchObject({ password: 'gw-password-1' })
  })

  test('is not made again and again when no ticket is accepted', async () => {
    const { replay, read } = await replaying([good, version, rejected])
    await read()
    await expect(read()).rejects.toMatchObject({ code: 'credentials_rejected' })
    expect(replay.requests.length).toBe(5)
    const fresh = await replaying([good, rejected])
    await expect(fresh.read()).rejects.toMatchObject({
      code: 'credentials_rejected',
      message: 'Proxmox rejects the login of gw@pve: Authentication failed!',
    })
    expect(fresh.replay.requests).toEqual(['POST /access/ticket', 'GET /version'])
  })

  test.each(['err-401-csrf-bad', 'err-401-csrf-missing'])('is made anew for a change that %s refuses', async (name) => {
    const path = '/nodes/pve1/lxc/102/status/start'
    const done = { ...replayed('cookie-post-ok'), path, body: { data: null } }
    const { replay, executor, read } = await replaying([good, version, replayed(name), done])
    await read()
    expect(await executor.perform(post(path), limits())).toMatchObject({ ok: true })
    expect(replay.requests.slice(2)).toEqual([`POST ${path}`, 'POST /access/ticket', `POST ${path}`])
  })
})

describe('a login to Proxmox VE that fails', () => {
  test('for a wrong password says what to check, and what it was for is not sent', async () => {
    const { pve, clock, executor } = await standIn('wrong')
    const failing = executor.perform(start, limits({ timeoutMs: 60_000 })).catch((error: unknown) => error)
    await eventually(() => pve.requests.length === 1, 'the login is asked for')
    await clock.sleeper(3000)
    clock.advance(3000)
    expect(await failing).toMatchObject({
      code: 'credentials_rejected',
      message: 'Proxmox rejects the login of root@pam: authentication failure',
      hint: expect.stringContaining('pveum user list'),
    })
    expect([pve.requests, pve.effects()]).toEqual([['POST /access/ticket'], []])
  })

  test('as it was recorded is read', async () => {
    const { read } = await replaying([replayed('err-401-bad-login')])
    await expect(read()).rejects.toMatchObject({ code: 'credentials_rejected' })
  })

  test('for want of a second factor says so', async () => {
    const data = { username: 'gw@pve', ticket: 'PVE:!tfa!%7B%22totp%22:true%7D:6B010FE7::abc', NeedTFA: 1 }
    const { replay, read } = await replaying([{ ...good, body: { data } }])
    await expect(read()).rejects.toMatchObject({
      code: 'credentials_rejected',
      message: 'gw@pve needs a second factor to log in, which is not supported',
      hint: expect.stringContaining('pveum user token add gw@pve'),
    })
    expect(replay.requests).toEqual(['POST /access/ticket'])
  })

  test('because the connection broke is no lost change: nothing was sent', async () => {
    const { pve, executor } = await standIn()
    pve.fault(faults.reset('after'), { path: '/access/ticket' })
    await expect(executor.perform(start, limits())).rejects.toMatchObject({ code: 'unreachable' })
    expect(pve.requests).toEqual(['POST /access/ticket'])
  })

  test('at one node is tried at the next one for a read', async () => {
    const { pve, read } = await standIn()
    pve.fault(faults.reset('before'), { node: 'pve1' })
    expect(await read()).toMatchObject({ ok: true })
    expect(pve.requests).toEqual(['POST /access/ticket', 'POST /access/ticket', 'GET /version'])
  })

  test('in time is no lost change, and does not stand in the way of the next one', async () => {
    const { pve, clock, executor, read } = await standIn()
    const free = pve.fault(faults.hang(), { path: '/access/ticket' })
    const failing = executor.perform(start, limits({ timeoutMs: 5000 })).catch((error: unknown) => error)
    await eventually(() => pve.requests.length === 1, 'the login is asked for')
    clock.advance(5000)
    expect(await failing).toMatchObject({ code: 'unreachable', hint: expect.stringContaining('nothing else was sent') })
    free()
    clock.advance(15_000)
    expect(await read()).toMatchObject({ ok: true })
  })

  test('because the answer has no ticket says so', async () => {
    const { read } = await replaying([{ ...good, body: { data: { username: 'gw@pve', NeedTFA: 0 } } }])
    await expect(read()).rejects.toMatchObject({
      code: 'unexpected_reply',
      message: 'the answer to the login of gw@pve has no ticket',
    })
  })

  test('tells nobody the password', async () => {
    const { read } = await replaying([replayed('err-401-bad-login')])
    const error: unknown = await read().catch((failure: unknown) => failure)
    expect(inspect(error, { depth: 10 })).not.toContain('gw-password-1')
  })
})

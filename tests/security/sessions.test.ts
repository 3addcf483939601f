import { afterEach, describe, expect, test } from 'bun:test'
import { capabilities } from '../../src/core/capability.ts'
import type { SessionLimits } from '../../src/server/sessions.ts'
import { type HttpWorld, letIn, openHttpWorld } from '../server/http-world.ts'
import { eventually } from '../support/eventually.ts'
import { type MovedClock, movedClock } from '../support/moved-clock.ts'
import { openProbe } from './probe-server.ts'
import { headersOf, initialize, openSession, rpc, say, send, wait } from './requests.ts'

let open: HttpWorld | undefined
afterEach(async () => {
  await open?.stop()
  open = undefined
})

const inSession = (token: string, id: string) => headersOf(token, { 'Mcp-Session-Id': id })

async function start(limits?: SessionLimits) {
  const clock: MovedClock = movedClock()
  const probe = openProbe()
  const world = await openHttpWorld({ serverFor: probe.serverFor, clock, ...(limits && { limits }) })
  open = { ...world, stop: () => stopMoved(world, clock) }
  const { token } = letIn(world, 'anna', clock)
  return { world, clock, probe, token, other: letIn(world, 'bert', clock).token }
}

/** Closing waits for calls by the clock, which must go on. */
async function stopMoved(world: HttpWorld, clock: MovedClock): Promise<void> {
  const ticking = setInterval(() => clock.advance(100), 1)
  await world.stop()
  clearInterval(ticking)
}

describe('B1: the session of somebody else', () => {
  test('its id with another token is 404 for every method, is told to the audit, and harms nothing', async () => {
    const { world, probe, token, other } = await start()
    const id = await openSession(world.url, token)
    expect((await send(world.url, say('theft'), inSession(other, id))).status).toBe(404)
    expect((await fetch(world.url, { headers: { ...inSession(other, id), Accept: 'text/event-stream' } })).status).toBe(
      404,
    )
    expect((await fetch(world.url, { method: 'DELETE', headers: inSession(other, id) })).status).toBe(404)
    expect(world.foreign).toEqual(['token:bert', 'token:bert', 'token:bert'])
    expect(probe.begun).toEqual([])
    expect((await send(world.url, say('mine'), inSession(token, id))).text).toContain('token:anna said mine')
  })

  test('without a token it is 401, and nothing tells whether the session exists', async () => {
    const { world, token } = await start()
    const id = await openSession(world.url, token)
    const known = await send(world.url, say('x'), headersOf(undefined, { 'Mcp-Session-Id': id }))
    const unknown = await send(world.url, say('x'), headersOf(undefined, { 'Mcp-Session-Id': 'a'.repeat(32) }))
    expect([known.status, known.text]).toEqual([401, unknown.text])
  })
})

describe('B2: another token of the same caller', () => {
  test('goes on in the session', async () => {
    const { world, clock, token } = await start()
    const id = await openSession(world.url, token)
    const expiresAt = new Date(clock.now().getTime() + 1000)
    world.tokens.set('rotated', { caller: { id: 'token:anna', scopes: capabilities }, expiresAt })
    expect((await send(world.url, say('again'), inSession('rotated', id))).text).toContain('token:anna said again')
  })
})

describe('B3: a token that ends while a stream is open', () => {
  test('ends the stream, and the next request is 401', async () => {
    const { world, clock, token } = await start()
    const id = await openSession(world.url, token)
    const response = await fetch(world.url, { headers: { ...inSession(token, id), Accept: 'text/event-stream' } })
    const ended = response.text()
    clock.advance(3_600_000)
    expect(await ended).toStartWith(': ok')
    expect((await send(world.url, say('late'), inSession(token, id))).status).toBe(401)
  })

  test('a revoked token ends it as well', async () => {
    const { world, clock, token } = await start()
    const id = await openSession(world.url, token)
    const response = await fetch(world.url, { headers: { ...inSession(token, id), Accept: 'text/event-stream' } })
    const ended = response.text()
    world.tokens.delete(token)
    clock.advance(5000)
    expect(await ended).toStartWith(': ok')
  })
})

describe('B4: sessions that nobody uses', () => {
  test('a caller keeps its newest ones, and takes no room from others', async () => {
    const { world, token, other, clock } = await start({ perCaller: 3, total: 5, idleMs: 60_000 })
    const ids: string[] = []
    for (let opened = 0; opened < 10; opened++) {
      ids.push(await openSession(world.url, token))
      clock.advance(1)
    }
    expect(world.sessions.size).toBe(3)
    expect((await send(world.url, say('old'), inSession(token, ids[0] ?? ''))).status).toBe(404)
    expect((await send(world.url, say('new'), inSession(token, ids[9] ?? ''))).status).toBe(200)
    expect((await send(world.url, initialize(), headersOf(other))).status).toBe(200)
  })

  test('beyond all room a caller without a session is told to come back', async () => {
    const { world, token, other } = await start({ perCaller: 3, total: 3, idleMs: 60_000 })
    for (let opened = 0; opened < 3; opened++) await openSession(world.url, token)
    const refused = await send(world.url, initialize(), headersOf(other))
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '60'])
  })

  test('end when they were idle too long; one that listens is not idle', async () => {
    const { world, token, clock } = await start({ perCaller: 8, total: 8, idleMs: 60_000 })
    const [idle, listening] = [await openSession(world.url, token), await openSession(world.url, token)]
    const over = new AbortController()
    const headers = { ...inSession(token, listening), Accept: 'text/event-stream' }
    await fetch(world.url, { headers, signal: over.signal })
    clock.advance(61_000)
    await eventually(() => world.sessions.size === 1, 'the idle session ended')
    expect((await send(world.url, say('x'), inSession(token, idle))).status).toBe(404)
    expect((await send(world.url, say('y'), inSession(token, listening))).status).toBe(200)
    over.abort()
  })
})

describe('B5: the end of a session', () => {
  test('is its owner’s to ask for, and final', async () => {
    const { world, token } = await start()
    const id = await openSession(world.url, token)
    expect((await fetch(world.url, { method: 'DELETE', headers: inSession(token, id) })).status).toBe(200)
    expect((await send(world.url, say('gone'), inSession(token, id))).status).toBe(404)
    expect(world.sessions.size).toBe(0)
  })
})

describe('B6: ids of sessions', () => {
  test('hold 150 bits and never repeat', async () => {
    const { world, token } = await start()
    const ids = new Set<string>()
    for (let opened = 0; opened < 50; opened++) ids.add(await openSession(world.url, token))
    expect(ids.size).toBe(50)
    for (const id of ids) expect(id).toMatch(/^[2-9a-z]{32}$/)
  })
})

describe('B7: two clients at once', () => {
  test('answers and progress reach the one that asked', async () => {
    const { world, probe, token, other } = await start()
    const asked = [
      { token, id: await openSession(world.url, token), word: 'for-anna', name: 'token:anna' },
      { token: other, id: await openSession(world.url, other), word: 'for-bert', name: 'token:bert' },
    ]
    const params = (word: string) => ({ name: 'wait', arguments: { word }, _meta: { progressToken: 'same' } })
    const calls = asked.map((one) =>
      send(world.url, rpc('tools/call', params(one.word), 'same'), inSession(one.token, one.id)),
    )
    await eventually(() => probe.begun.length === 2, 'both calls began')
    for (const { word } of asked) probe.release(word)
    const answers = await Promise.all(calls)
    for (const [at, { word, name }] of asked.entries()) {
      const foreign = asked[1 - at]?.word ?? ''
      expect(answers[at]?.text).toContain(`"message":"${word}"`)
      expect(answers[at]?.text).toContain(`${name} said ${word}`)
      expect(answers[at]?.text).not.toContain(foreign)
    }
  })
})

describe('stopping', () => {
  test('lets a call finish, and ends listening streams at once', async () => {
    const { world, probe, token, clock } = await start()
    const id = await openSession(world.url, token)
    const listening = await fetch(world.url, { headers: { ...inSession(token, id), Accept: 'text/event-stream' } })
    const call = send(world.url, wait('last'), headersOf(token))
    await eventually(() => probe.begun.includes('last'), 'the call began')
    const closing = world.app.close(50_000)
    expect(await listening.text()).toStartWith(': ok')
    expect((await send(world.url, say('too late'), headersOf(token))).status).toBe(503)
    probe.release('last')
    expect((await call).text).toContain('said last')
    clock.advance(100)
    await closing
    expect(probe.aborted).toEqual([])
  })
})

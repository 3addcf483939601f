import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { addressOf, type Rates } from '../../src/server/limits.ts'
import { type HttpWorld, letIn, openHttpWorld } from '../server/http-world.ts'
import { install } from '../support/installed.ts'
import { type MovedClock, movedClock } from '../support/moved-clock.ts'
import { openProbe } from './probe-server.ts'
import { headersOf, rpc, say, send } from './requests.ts'

setDefaultTimeout(30_000)

let open: (HttpWorld & { readonly clock: MovedClock }) | undefined
afterEach(async () => {
  const { clock, stop } = open ?? {}
  const ticking = setInterval(() => clock?.advance(100), 1)
  await stop?.()
  clearInterval(ticking)
  open = undefined
})

async function start(
  more: {
    readonly rates?: Rates
    readonly asksOthers?: boolean
    readonly holdBackMs?: number
    authenticate?(): Response | undefined
    isCrowded?(caller: string): boolean
  } = {},
) {
  const clock = movedClock()
  const world = await openHttpWorld({ serverFor: openProbe().serverFor, clock, ...more })
  open = { ...world, clock }
  return { world, clock, anna: letIn(world, 'anna', clock).token, bert: letIn(world, 'bert', clock).token }
}

const statuses = async (count: number, ask: () => ReturnType<typeof send>): Promise<readonly number[]> => {
  const seen: number[] = []
  for (let times = 0; times < count; times++) seen.push((await ask()).status)
  return seen
}

const times = (count: number, status: number): readonly number[] => Array.from({ length: count }, () => status)

describe('F3: a caller that calls too often', () => {
  const rates = { read: 5, probe: 5, write: 2, destructive: 1 }
  const change = rpc('tools/call', { name: 'change', arguments: { word: 'x' } })

  test('is answered 429 with Retry-After until its minute comes round; others are not', async () => {
    const { world, clock, anna, bert } = await start({ rates })
    expect(await statuses(6, () => send(world.url, say('x'), headersOf(anna)))).toEqual([...times(5, 200), 429])
    const { headers, text } = await send(world.url, say('x'), headersOf(anna))
    expect([headers.get('retry-after'), text.includes('more than 5 read calls a minute')]).toEqual(['12', true])
    expect((await send(world.url, say('x'), headersOf(bert))).status).toBe(200)
    clock.advance(12_000)
    expect(await statuses(2, () => send(world.url, say('x'), headersOf(anna)))).toEqual([200, 429])
  })

  test('has a limit for each risk, and asking for lists counts as reading', async () => {
    const { world, anna } = await start({ rates })
    expect(await statuses(3, () => send(world.url, change, headersOf(anna)))).toEqual([200, 200, 429])
    expect(await statuses(6, () => send(world.url, rpc('tools/list'), headersOf(anna)))).toEqual([
      ...times(5, 200),
      429,
    ])
  })

  test('is told of once a minute, however often it goes on', async () => {
    const { world, clock, anna } = await start({ rates })
    await statuses(20, () => send(world.url, change, headersOf(anna)))
    expect(world.limited).toEqual([{ what: 'calls', who: 'token:anna' }])
    clock.advance(60_001)
    await statuses(20, () => send(world.url, change, headersOf(anna)))
    expect(world.limited).toHaveLength(2)
  })

  test('may not get around it with a session, another token of its own, or the other protocol revision', async () => {
    const { world, clock, anna } = await start({ rates })
    const found = world.tokens.get(anna)
    if (found !== undefined)
      world.tokens.set(`${anna}2`, { ...found, expiresAt: new Date(clock.now().getTime() + 1e6) })
    await statuses(5, () => send(world.url, say('x'), headersOf(anna)))
    for (const headers of [
      headersOf(`${anna}2`),
      headersOf(anna, { 'Mcp-Session-Id': 'x' }),
      headersOf(anna, { 'MCP-Protocol-Version': '2026-07-28' }),
      headersOf(anna, { 'X-Forwarded-For': '192.0.2.7' }),
    ])
      expect((await send(world.url, say('x'), headers)).status).toBe(429)
  })

  test('that has too many calls under way is answered 429 before another is begun', async () => {
    const { world, anna, bert } = await start({ isCrowded: (caller) => caller === 'token:anna' })
    expect((await send(world.url, say('x'), headersOf(anna))).status).toBe(429)
    expect((await send(world.url, rpc('tools/list'), headersOf(anna))).status).toBe(200)
    expect((await send(world.url, say('x'), headersOf(bert))).status).toBe(200)
  })
})

describe('F4: guessing tokens', () => {
  const guess =
    (world: HttpWorld, more: Record<string, string> = {}) =>
    () =>
      send(world.url, say('x'), headersOf(`tops_aaaaaaaa_${'a'.repeat(40)}`, more))

  test('ten wrong ones of an address, then 429; a right one from there is let in all the same', async () => {
    const { world, clock, anna } = await start()
    expect(await statuses(12, guess(world))).toEqual([...times(10, 401), 429, 429])
    expect((await send(world.url, say('x'), headersOf(anna))).status).toBe(200)
    const { headers, text } = await guess(world)()
    expect([headers.get('retry-after'), text.includes('too many wrong tokens')]).toEqual(['30', true])
    expect(headers.get('www-authenticate')).toBeNull()
    expect(world.limited).toEqual([{ what: 'logins', who: '127.0.0.1' }])
    clock.advance(30_000)
    expect(await statuses(2, guess(world))).toEqual([401, 429])
  })

  test('behind a proxy of this machine each address counts by itself', async () => {
    const { world } = await start()
    await statuses(11, guess(world, { 'X-Forwarded-For': '198.51.100.9, 192.0.2.1' }))
    expect((await guess(world, { 'X-Forwarded-For': '192.0.2.1' })()).status).toBe(429)
    expect((await guess(world, { 'X-Forwarded-For': '192.0.2.2' })()).status).toBe(401)
  })

  test('where an identity provider is asked, it is not asked about more; a token that was good lately is let in', async () => {
    const { world, clock, anna, bert } = await start({ asksOthers: true })
    expect((await send(world.url, say('x'), headersOf(anna))).status).toBe(200)
    const guesses = await Promise.all(
      Array.from({ length: 50 }, (_, index) => guess(world, { 'X-Try': String(index) })()),
    )
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(10)
    expect(guesses.filter(({ status }) => status === 429)).toHaveLength(40)
    expect((await send(world.url, say('x'), headersOf(anna))).status).toBe(200)
    expect((await send(world.url, say('x'), headersOf(bert))).status).toBe(429)
    clock.advance(30_000)
    expect(await statuses(3, () => send(world.url, say('x'), headersOf(bert)))).toEqual(times(3, 200))
    expect(await statuses(2, guess(world))).toEqual([401, 429])
  })

  test('an identity provider that does not answer locks nobody out', async () => {
    let isDown = true
    const authenticate = () => (isDown ? new Response('', { status: 503 }) : undefined)
    const { world, anna } = await start({ asksOthers: true, authenticate })
    expect(await statuses(30, () => send(world.url, say('x'), headersOf(anna)))).toEqual(times(30, 503))
    isDown = false
    expect((await send(world.url, say('x'), headersOf(anna))).status).toBe(200)
  })

  test('good logins cost nothing, however many', async () => {
    const { world, clock } = await start({ asksOthers: true })
    for (let index = 0; index < 30; index++) {
      const { token } = letIn(world, `caller${index}`, clock)
      expect((await send(world.url, say('x'), headersOf(token))).status).toBe(200)
    }
  })

  test('who guesses on is answered a second later; others are not held up', async () => {
    const { world, clock, anna } = await start({ holdBackMs: 1000 })
    await statuses(10, guess(world))
    const answered: number[] = []
    const asleep = clock.sleeper(1000)
    const held = guess(world)().then(({ status }) => answered.push(status))
    await asleep
    expect(await statuses(5, () => send(world.url, say('x'), headersOf(anna)))).toEqual(times(5, 200))
    expect(answered).toEqual([])
    clock.advance(1000)
    await held
    expect(answered).toEqual([429])
  })

  test('F5: a hundred requests a minute without any token, then 429', async () => {
    const { world, clock } = await start()
    const ask = () => send(world.url, say('x'), headersOf(undefined))
    expect((await statuses(101, ask)).slice(98)).toEqual([401, 401, 429])
    clock.advance(600)
    expect((await ask()).status).toBe(401)
  })
})

describe('the address of a request', () => {
  const from = (peer: string | undefined, forwarded?: string): string =>
    addressOf(
      new Request('http://x/', { headers: forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded } }),
      peer,
    )

  test.each([
    ['192.0.2.1', undefined, '192.0.2.1'],
    ['::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['2001:db8:0:12::5', undefined, '2001:db8:0:12::/64'],
    ['2001:0db8::5', undefined, '2001:db8:0:0::/64'],
    ['fe80::1%eth0', undefined, 'fe80:0:0:0::/64'],
    ['127.0.0.1', '192.0.2.1', '192.0.2.1'],
    ['127.0.0.1', '198.51.100.1, 192.0.2.1', '192.0.2.1'],
    ['::1', '192.0.2.1', '192.0.2.1'],
    ['127.0.0.1', 'nonsense', '127.0.0.1'],
    ['192.0.2.9', '198.51.100.1', '192.0.2.9'],
    [undefined, undefined, ''],
  ])('%s with %s is %s', (peer, forwarded, address) => expect(from(peer, forwarded)).toBe(address))
})

test('the served program holds to TAILOPS_RATE_LIMIT, and records it once', async () => {
  const place = install()
  try {
    const served = await place.serve('Bun', { TAILOPS_RATE_LIMIT: 'read=3' })
    const token = place.mint('system:read')
    expect(await statuses(5, () => send(served.url, rpc('tools/list'), headersOf(token)))).toEqual([
      200, 200, 200, 429, 429,
    ])
    const log = readFileSync(`${place.env['TAILOPS_STATE_DIR']}/audit.jsonl`, 'utf8')
    expect(log.match(/"event":"limited","caller":"token:\w+","result":"busy"/g)).toHaveLength(1)
  } finally {
    await place.remove()
  }
})

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { logger } from '../../../src/lib/log.ts'
import type { Authenticated } from '../../../src/server/auth/authenticated.ts'
import { tailscaleAuth } from '../../../src/server/auth/tailscale.ts'
import { eventually } from '../../support/eventually.ts'
import { type MovedClock, movedClock } from '../../support/moved-clock.ts'
import { openTailscaled, type Tailscaled } from '../../support/tailscaled.ts'

const capability = 'example.com/cap/tailops'
const laptop = '100.64.0.7'
const runner = '100.101.102.103'

let dir: string
let tailscaled: Tailscaled
let clock: MovedClock
let forged: string[]
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tailops-tailscaled-'))
  tailscaled = await openTailscaled(join(dir, 'tailscaled.sock'))
  clock = movedClock()
  forged = []
  tailscaled.nodes.set(laptop, { name: 'laptop', login: 'ada@example.org' })
  tailscaled.nodes.set(runner, { name: 'ci-1', tags: ['tag:ci', 'tag:prod'] })
})
afterEach(async () => {
  await tailscaled.stop()
  rmSync(dir, { recursive: true })
})

/** The gateway's way in; connections of this machine are of this user. */
function gateway(owner = process.getuid?.(), socketPath = tailscaled.socketPath) {
  const authenticate = tailscaleAuth({
    settings: { socketPath, capability },
    clock,
    log: logger('error', () => undefined, clock.now),
    onForged: (address, claimed) => forged.push(`${address} ${claimed}`),
    ownerOf: async () => owner,
  })
  return async (address: string, headers: Record<string, string> = {}): Promise<Answer> => {
    const request = new Request('http://gw.example.ts.net/mcp', { method: 'POST', headers })
    const answer = await authenticate(request, { address, port: 4711, ownPort: 8080 })
    return answer instanceof Response ? { status: answer.status } : { status: 200, ...answer }
  }
}

type Answer = { readonly status: number } & Partial<Authenticated>

describe('a connection from the tailnet', () => {
  test('is of the person whom tailscaled knows there', async () => {
    const { status, caller } = await gateway()(laptop)
    expect(status).toBe(200)
    expect(caller).toEqual({
      id: 'tailscale:ada@example.org',
      scopes: [],
      proof: { kind: 'tailscale', login: 'ada@example.org', groups: [], tags: [] },
    })
    expect((await gateway()(`::ffff:${laptop}`)).caller).toEqual(caller)
  })

  test('of a tagged machine is of that machine', async () => {
    expect((await gateway()(runner)).caller).toEqual({
      id: 'tailscale:ci-1.tail1234.ts.net',
      scopes: [],
      proof: { kind: 'tailscale', login: 'ci-1.tail1234.ts.net', groups: [], tags: ['tag:ci', 'tag:prod'] },
    })
  })

  test('over IPv6 is known as well', async () => {
    tailscaled.nodes.set('fd7a:115c:a1e0::7', { name: 'laptop', login: 'ada@example.org' })
    expect((await gateway()('fd7a:115c:a1e0::7')).caller?.id).toBe('tailscale:ada@example.org')
  })

  test('holds the scopes that grants of the tailnet give it, of our capability alone', async () => {
    const give = (capabilities: Readonly<Record<string, readonly unknown[] | null>>) =>
      tailscaled.nodes.set(laptop, { name: 'laptop', login: 'ada@example.org', capabilities })
    const scopes = async () => (await gateway()(laptop)).caller?.scopes
    give({ [capability]: [{ scopes: ['system:read'] }, { scopes: ['container:read', 'no:such'] }] })
    expect(await scopes()).toEqual(['container:read', 'system:read'])
    give({ 'other.example/cap/tailops': [{ scopes: ['admin'] }] })
    expect(await scopes()).toEqual([])
    for (const wrong of [null, [], [null], ['admin'], [{ scopes: 'admin' }], [{ scopes: ['admin'] }, {}]]) {
      give({ [capability]: wrong })
      expect(await scopes()).toEqual([])
    }
  })

  test('of an address that tailscaled does not know is refused', async () => {
    expect((await gateway()('100.64.0.99')).status).toBe(403)
  })

  test('is asked about once in 30 s; who is gone is refused then, and loses open streams', async () => {
    const ask = gateway()
    const { stillValid } = await ask(laptop)
    await ask(laptop)
    expect(tailscaled.asked).toEqual([laptop])
    tailscaled.nodes.delete(laptop)
    expect((await ask(laptop)).status).toBe(200)
    clock.advance(30_000)
    expect((await ask(laptop)).status).toBe(403)
    await eventually(() => stillValid?.() === false, 'the stream ends')
  })

  test('gets 503 while tailscaled does not answer, or answers something else', async () => {
    expect((await gateway(0, join(dir, 'nothing.sock'))(laptop)).status).toBe(503)
    tailscaled.nodes.set(laptop, { name: 'laptop' })
    expect((await gateway()(laptop)).status).toBe(503)
  })
})

describe('a connection through tailscaled on this machine', () => {
  const behind = (address: string) => ({ 'X-Forwarded-For': address })

  test('is of whom tailscaled knows at the address that it forwards', async () => {
    const headers = { ...behind(laptop), 'Tailscale-User-Login': 'ada@example.org' }
    expect((await gateway()('127.0.0.1', headers)).caller?.id).toBe('tailscale:ada@example.org')
    expect((await gateway()('::1', behind(runner))).caller?.proof?.tags).toEqual(['tag:ci', 'tag:prod'])
    expect(forged).toEqual([])
  })

  test('by Funnel is refused', async () => {
    const headers = { ...behind(laptop), 'Tailscale-Funnel-Request': '?1' }
    expect((await gateway()('127.0.0.1', headers)).status).toBe(403)
    expect((await gateway()('127.0.0.1', behind('203.0.113.7'))).status).toBe(403)
  })
})

describe('a forged identity', () => {
  const ada = { 'Tailscale-User-Login': 'ada@example.org' }

  test.each([
    ['nobody', undefined],
    ['another user', 65_534],
  ])('of a program of %s on this machine is refused and told', async (_, owner) => {
    const ask = gateway(owner === undefined ? Number.NaN : owner)
    expect((await ask('127.0.0.1', { ...ada, 'X-Forwarded-For': laptop })).status).toBe(403)
    expect((await ask('127.0.0.1', { 'X-Forwarded-For': laptop })).status).toBe(403)
    expect((await ask('127.0.0.1')).status).toBe(403)
    expect(forged).toEqual(['127.0.0.1 ada@example.org'])
    expect(tailscaled.asked).toEqual([])
  })

  test('of a machine beside the tailnet is refused and told', async () => {
    expect((await gateway()('192.168.1.7', { ...ada, 'X-Forwarded-For': laptop })).status).toBe(403)
    expect((await gateway()('192.168.1.7')).status).toBe(403)
    expect(forged).toEqual(['192.168.1.7 ada@example.org'])
  })

  test('of a machine of the tailnet changes nothing, and is told', async () => {
    const root = { 'Tailscale-User-Login': 'root@example.org', 'X-Forwarded-For': runner }
    expect((await gateway()(laptop, root)).caller?.id).toBe('tailscale:ada@example.org')
    expect(forged).toEqual([`${laptop} root@example.org`])
  })

  test('through another proxy of the same user is refused where it does not fit the address', async () => {
    const root = { 'Tailscale-User-Login': 'root@example.org' }
    expect((await gateway()('127.0.0.1', { ...root, 'X-Forwarded-For': laptop })).status).toBe(403)
    expect((await gateway()('127.0.0.1', { ...ada, 'X-Forwarded-For': runner })).status).toBe(403)
    expect(forged).toEqual([`${laptop} root@example.org`, `${runner} ada@example.org`])
    // What a client wrote first, and a proxy completed.
    expect((await gateway()('127.0.0.1', { ...ada, 'X-Forwarded-For': `${laptop}, 203.0.113.7` })).status).toBe(403)
    expect((await gateway()('127.0.0.1', { ...ada, 'X-Forwarded-For': `203.0.113.7, ${laptop}` })).status).toBe(403)
  })

  test('is nothing where tailscaled is not there', async () => {
    const ask = gateway(process.getuid?.(), join(dir, 'nothing.sock'))
    expect((await ask('127.0.0.1', { ...ada, 'X-Forwarded-For': laptop })).status).toBe(403)
  })
})

import { afterEach, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { HttpConnection } from '../../src/core/connection.ts'
import { get } from '../../src/core/operation.ts'
import { openHttp } from '../../src/executors/http.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { movedClock } from '../support/moved-clock.ts'
import { type OwnToolsWorld, openOwnToolsWorld } from '../support/own-tools-world.ts'

let world: OwnToolsWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

/** Reaches for a port of this machine on which nobody listens any more. */
async function silent() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const connection: HttpConnection = {
    kind: 'http',
    baseUrl: `http://127.0.0.1:${port}`,
    headers: {},
    tls: { verify: true },
    endpoints: [],
  }
  return openHttp('web-1', connection, systemClock)
}

describe('list_targets', () => {
  test('shows of each what its caller may do: granted and held', async () => {
    world = openOwnToolsWorld({ capabilities: ['system:read', 'file:read'] })
    const bob = { id: 'token:bob', scopes: ['fleet:read', 'file:read', 'network:read'] } as const
    expect(await world.answer('list_targets', {}, bob)).toMatchObject({
      targets: [
        { id: 'gateway', can: 'fleet:read', reachable: 'yes' },
        { id: 'local', kind: 'local', tags: 'test', can: 'file:read', reachable: 'not asked yet' },
      ],
    })
  })

  test('hides targets on which its caller may do nothing', async () => {
    world = openOwnToolsWorld({ capabilities: ['system:read'] })
    const bob = { id: 'token:bob', scopes: ['fleet:read'] } as const
    expect(await world.answer('list_targets', { kind: 'local' }, bob)).toEqual({ targets: [], note: 'none of 2 fits' })
  })

  test('tells when a target was last asked, and why it was not reached', async () => {
    const clock = movedClock()
    world = openOwnToolsWorld({ clock, targets: ['local', 'web-1'] })
    const limits = { signal: new AbortController().signal, timeoutMs: 1000, maxOutputBytes: 1000 }
    await world.ask('look', {}, { targets: ['local'] })
    clock.advance(120_000)
    const { perform } = world.contacts.watched('web-1', await silent())
    await expect(perform(get('/'), limits)).rejects.toMatchObject({ code: 'unreachable' })
    clock.advance(60_000)
    expect(await world.answer('list_targets', { kind: 'local' })).toMatchObject({
      targets: [
        { id: 'local', reachable: 'yes', last_seen: '3m' },
        { id: 'web-1', reachable: expect.stringMatching(/^no \(unreachable: /), last_seen: '1m' },
      ],
    })
    expect(await world.answer('health_check')).toMatchObject({
      problems: expect.stringContaining('web-1 not reached 1m ago: unreachable: '),
    })
  })

  test('finds by a part of an id or tag', async () => {
    world = openOwnToolsWorld({ targets: ['web-1', 'db-1'] })
    const ids = async (text: string) => {
      const { targets } = (await world?.answer('list_targets', { text })) ?? {}
      return JSON.stringify(targets).match(/"id":"[^"]+"/g) ?? []
    }
    expect(await ids('WEB')).toEqual(['"id":"web-1"'])
    expect(await ids('test')).toEqual(['"id":"web-1"', '"id":"db-1"'])
  })
})

import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { WatchSettings } from '../../src/config/watch-settings.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { call, type Gateway } from '../../src/gateway/call.ts'
import { watchedAudit } from '../../src/gateway/watched-audit.ts'
import { randomId } from '../../src/lib/random-id.ts'
import { freezeBy } from '../../src/state/freeze-by.ts'
import { eventually } from '../support/eventually.ts'
import { alice, type GatewayWorld, openGatewayWorld, stepsTool } from '../support/gateway-world.ts'

setDefaultTimeout(20_000)

let world: GatewayWorld
beforeEach(() => {
  world = openGatewayWorld({ policy: { rules: [{ id: 'all', effect: 'allow' }] } })
})
afterEach(() => world.stop())

/** The gateway of the world with a watched log. */
function watching(settings: WatchSettings): Gateway {
  const { gateway, state } = world
  const { clock, log } = gateway
  const freezing = { audit: state.audit, brake: state.brake, clock, log, newId: () => randomId() }
  const freeze = (by: string, reason: string) => freezeBy(freezing, by, reason)
  return { ...gateway, audit: watchedAudit({ audit: state.audit, settings, clock, log, freeze }) }
}

const change = (gateway: Gateway, more = {}) =>
  call(gateway, {
    tool: stepsTool,
    input: { file: join(world.dir, 'lines') },
    caller: alice,
    signal: new AbortController().signal,
    ...more,
  })

test('a rule that freezes holds the very change that it is about, before its first step', async () => {
  const everyHour = { from: 0, to: 0, zone: 'UTC' }
  const gateway = watching({ rules: [{ rule: 'quiet_hours', act: 'freeze', count: 1 }], quietHours: everyHour })
  expect(await change(gateway)).toMatchObject({
    status: 'failed',
    hint: expect.stringContaining('by watch:quiet_hours'),
  })
  expect(existsSync(join(world.dir, 'lines'))).toBe(false)
  const next = await change(gateway).catch(GatewayError.from)
  expect(next).toMatchObject({ code: 'frozen', message: expect.stringContaining('token:alice begins append_steps') })
  const events = world.state.audit.tail({ limit: 20 }).map(({ event }) => event)
  expect(events).toContain('alert')
  expect(events).toContain('freeze')
})

test('a webhook is told who, what and why, and nothing else; if it fails, the call does not', async () => {
  const said: string[] = []
  const server = createServer((request, response) => {
    request.on('data', (chunk) => said.push(String(chunk)))
    request.on('end', () => response.writeHead(500).end())
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const address = server.address()
  const webhook = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/`
  const gateway = watching({ rules: [{ rule: 'sweep', act: 'webhook', count: 1 }], webhook })
  expect(await change(gateway)).toMatchObject({ status: 'done' })
  await eventually(() => world.log.join('').includes('an alert could not be sent'), 'the failure is logged')
  expect(JSON.parse(said.join(''))).toEqual({
    at: expect.any(String),
    call: expect.any(String),
    rule: 'sweep',
    caller: 'token:alice',
    reason: 'changes on 1 targets were asked for within ten minutes',
  })
  server.close().closeAllConnections()
})

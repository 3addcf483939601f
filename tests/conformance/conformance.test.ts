import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HttpWorld, letIn, openHttpWorld } from '../server/http-world.ts'
import { fixtureServers } from './fixtures.ts'
import { type BearerProxy, openProxy } from './proxy.ts'
import { conformance, passed, requiredFor, resultsIn } from './suite.ts'

const withinMs = 120_000

/**
 * How many scenarios a revision requires, and those that it does not require but that we pass too. What remains belongs
 * to what we do not offer: the tasks extension, headers named by tools, and streams that can be resumed.
 */
const revisions = [
  { revision: '2025-11-25', count: 30, besides: ['server-session-lifecycle', 'json-schema-2020-12'] },
  { revision: '2026-07-28', count: 37, besides: ['json-schema-2020-12', 'http-header-validation'] },
] as const

describe('the gateway’s HTTP side with the fixtures of the official suite', () => {
  let world: HttpWorld
  let proxy: BearerProxy
  let dir: string
  beforeAll(async () => {
    world = await openHttpWorld({ serverFor: fixtureServers({ toolsChanged: () => world.app.changed('tools') }) })
    proxy = await openProxy(world.url, letIn(world, 'suite').token)
    dir = mkdtempSync(join(tmpdir(), 'tailops-conformance-'))
  })
  afterAll(async () => {
    await proxy.stop()
    await world.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  test('turns away whoever does not come through the proxy that holds the token', async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
    const headers = { 'content-type': 'application/json' }
    expect((await fetch(world.url, { method: 'POST', headers, body })).status).toBe(401)
    expect((await fetch(proxy.url, { method: 'POST', headers, body })).status).toBe(200)
  })

  for (const { revision, count, besides } of revisions)
    test(
      `passes all ${count} scenarios that ${revision} requires`,
      async () => {
        const out = join(dir, revision)
        const required = await requiredFor(revision)
        const run = await conformance('server', '--url', proxy.url, '--requirements', revision, '-o', out)
        const results = resultsIn(out)
        const failed = [...required, ...besides].filter((scenario) => !passed(results.get(scenario) ?? []))
        expect({ failed, count: required.length }, run.printed).toEqual({ failed: [], count })
        expect(run.exitCode, run.printed).toBe(0)
      },
      withinMs,
    )
})

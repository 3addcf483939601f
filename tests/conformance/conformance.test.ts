import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HttpWorld, letIn, openHttpWorld } from '../server/http-world.ts'
import { fixtureServers } from './fixtures.ts'
import { type BearerProxy, openProxy } from './proxy.ts'
import { conformance, passed, requiredFor, resultsIn } from './suite.ts'

const withinMs = 120_000

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

  for (const [revision, count] of [
    ['2025-11-25', 30],
    ['2026-07-28', 37],
  ] as const)
    test(
      `passes all ${count} scenarios that ${revision} requires`,
      async () => {
        const out = join(dir, revision)
        const required = await requiredFor(revision)
        const run = await conformance('server', '--url', proxy.url, '--requirements', revision, '-o', out)
        const results = resultsIn(out)
        const failed = required.filter((scenario) => !passed(results.get(scenario) ?? []))
        expect({ failed, count: required.length }).toEqual({ failed: [], count })
        expect(run).toEqual({ ...run, exitCode: 0 })
      },
      withinMs,
    )
})

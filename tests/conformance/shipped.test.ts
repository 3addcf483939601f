import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ShippedGateway, startShipped } from './binary.ts'
import { type BearerProxy, openProxy } from './proxy.ts'
import { conformance, resultsIn } from './suite.ts'

/** The scenarios that ask nothing of a server's own tools, by protocol revision. */
const scenarios = {
  '2025-11-25': [
    'server-initialize',
    'ping',
    'tools-list',
    'resources-list',
    'prompts-list',
    'server-session-lifecycle',
    'server-sse-multiple-streams',
    'dns-rebinding-protection',
  ],
  '2026-07-28': [
    'server-stateless',
    'tools-list',
    'resources-list',
    'prompts-list',
    'caching',
    'http-header-validation',
    'sep-2164-resource-not-found',
    'server-sse-multiple-streams',
    'dns-rebinding-protection',
  ],
} as const

const expected = join(import.meta.dirname, 'expected-failures.yml')

describe('the executable that we ship, without fixtures', () => {
  let gateway: ShippedGateway
  let proxy: BearerProxy
  let dir: string
  beforeAll(async () => {
    gateway = await startShipped()
    proxy = await openProxy(gateway.url, gateway.token)
    dir = mkdtempSync(join(tmpdir(), 'tailops-conformance-'))
  }, 120_000)
  afterAll(async () => {
    await proxy.stop()
    await gateway.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  for (const [revision, names] of Object.entries(scenarios))
    for (const name of names)
      test(`passes ${name} of ${revision}`, async () => {
        const out = join(dir, revision, name)
        const about = ['--scenario', name, '--spec-version', revision, '--expected-failures', expected, '-o', out]
        const run = await conformance('server', '--url', proxy.url, ...about)
        const succeeded = (resultsIn(out).get(name) ?? []).filter(({ status }) => status === 'SUCCESS')
        expect(run.exitCode, run.printed).toBe(0)
        expect(succeeded).not.toBeEmpty()
      }, 60_000)
})

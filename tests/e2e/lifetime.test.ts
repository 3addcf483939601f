import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { headersOf, rpc, send } from '../security/requests.ts'
import { childrenOf } from '../support/children-of.ts'
import { eventually as until } from '../support/eventually.ts'
import { binary, type Installed, install, type Served } from '../support/installed.ts'

let place: Installed
let served: Served
let everything = ''
beforeAll(async () => {
  place = install()
  served = await place.serve()
  everything = place.mint('admin')
})
afterAll(() => place.remove())

const auditOf = ({ env }: Installed): readonly Record<string, unknown>[] =>
  readFileSync(`${env['TAILOPS_STATE_DIR']}/audit.jsonl`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('the source on other runtimes', () => {
  test.each(['Bun', 'Deno', 'Node 22'] as const)(
    'serves over HTTP on %s, session and stream included',
    async (runtime) => {
      const own = await place.serve(runtime)
      const client = new Client({ name: 'test', version: '0' })
      const requestInit = { headers: { Authorization: `Bearer ${everything}` } }
      await client.connect(new StreamableHTTPClientTransport(new URL(own.url), { requestInit }))
      const told: string[] = []
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push('tools'))
      const { content } = await client.callTool({ name: 'get_system_status', arguments: {} })
      expect(JSON.stringify(content)).toContain('mem_total_mib')
      own.process.kill('SIGHUP')
      await until(() => told.length > 0, 'the notification on the listening stream')
      expect((await send(own.url, rpc('ping'), headersOf(undefined))).status).toBe(401)
      await client.close()
      expect(await own.stop()).toBe(0)
    },
    30_000,
  )
})

describe('start and stop', () => {
  test('SIGTERM lets a call finish, then the process ends with 0', async () => {
    const own = await place.serve()
    const answer = send(own.url, rpc('tools/call', { name: 'get_system_status', arguments: {} }), headersOf(everything))
    await until(() => childrenOf(own.process.pid).length > 0, 'the call began')
    const ended = own.stop()
    expect((await answer).text).toContain('mem_total_mib')
    expect(await ended).toBe(0)
  })

  test('a taken port is told, with how to choose another', async () => {
    const port = new URL(served.url).port
    const { status, stderr } = runServe({ TAILOPS_LISTEN: `127.0.0.1:${port}` })
    expect(status).toBe(78)
    expect(stderr).toContain('another program listens there')
    expect(stderr).toContain('TAILOPS_LISTEN=127.0.0.1:')
  })

  test('without authentication only loopback is listened on', () => {
    const { status, stderr } = runServe({ TAILOPS_LISTEN: '0.0.0.0:0', TAILOPS_AUTH_MODE: 'none' })
    expect([status, stderr.includes('only loopback')]).toEqual([78, true])
  })

  test('a broken configuration ends it with 78 and every problem', () => {
    const config = `${place.dir}/broken.yaml`
    writeFileSync(
      config,
      'version: "1.0"\ntargets:\n  a: { executor: lokal }\n  b: { executor: local, capabilities: [system:reed] }\n',
    )
    const { status, stderr } = runServe({ TAILOPS_CONFIG: config })
    expect(status).toBe(78)
    expect(stderr).toContain('broken.yaml:3:')
    expect(stderr).toContain('broken.yaml:4:')
  })
})

describe('a state directory after a power cut', () => {
  test('a torn audit line and a damaged database: it starts, says so, keeps the evidence', async () => {
    const own = install()
    try {
      own.run(['call', 'get_system_status'])
      const state = own.env['TAILOPS_STATE_DIR'] ?? ''
      appendFileSync(`${state}/audit.jsonl`, '{"seq":9,"at":"2026-')
      writeFileSync(`${state}/outputs.db`, 'this is no database'.repeat(100))
      const started = await own.serve()
      expect(started.log()).toContain('damaged')
      const verdict = own.run(['audit', 'verify'])
      expect(verdict).toMatch(/ok|holds/i)
      const kept = readdirSync(state)
      expect(kept.some((name) => name.startsWith('outputs.db.'))).toBe(true)
      expect(
        kept.some(
          (name) =>
            name.startsWith('audit') && readFileSync(`${state}/${name}`, 'utf8').includes('{"seq":9,"at":"2026-'),
        ),
      ).toBe(true)
      expect(auditOf(own).filter(({ tool }) => tool === 'get_system_status')).toHaveLength(1)
    } finally {
      await own.remove()
    }
  })
})

function runServe(env: Record<string, string>) {
  const { status, stderr } = spawnSync(binary, ['serve'], {
    env: { ...place.env, ...env },
    encoding: 'utf8',
    timeout: 10_000,
  })
  return { status, stderr }
}

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { headersOf, rpc, send } from '../security/requests.ts'
import { childrenOf } from '../support/children-of.ts'
import { eventually as until } from '../support/eventually.ts'
import { type Installed, install, type Served } from '../support/installed.ts'

let place: Installed
let served: Served
let reader = ''
let everything = ''
beforeAll(async () => {
  place = install()
  served = await place.serve()
  reader = place.mint('system:read')
  everything = place.mint('admin')
})
afterAll(() => place.remove())

const call = (token: string, name: string, args: object = {}) =>
  send(served.url, rpc('tools/call', { name, arguments: args }), headersOf(token))

const connected = async (token: string): Promise<Client> => {
  const client = new Client({ name: 'test', version: '0' })
  const requestInit = { headers: { Authorization: `Bearer ${token}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(served.url), { requestInit }))
  return client
}

const auditOf = ({ env }: Installed): readonly Record<string, unknown>[] =>
  readFileSync(`${env['TAILOPS_STATE_DIR']}/audit.jsonl`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('who may', () => {
  test.each([
    ['no token', {}],
    ['Basic', { Authorization: 'Basic dXNlcjpwYXNz' }],
    ['an unknown token', { Authorization: `Bearer tops_aaaaaaaa_${'a'.repeat(40)}` }],
    ['an empty one', { Authorization: 'Bearer ' }],
    ['a very long one', { Authorization: `Bearer ${'a'.repeat(10_000)}` }],
    ['a cookie', { Cookie: 'token=x' }],
  ])('%s gets 401 and a challenge', async (_, headers: Record<string, string>) => {
    const answer = await send(served.url, rpc('tools/list'), headersOf(undefined, headers))
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toStartWith('Bearer realm="tailops"')
    expect(answer.headers.get('www-authenticate')?.includes('error="invalid_token"')).toBe('Authorization' in headers)
  })

  test('a token in the query, and two tokens at once, are none', async () => {
    const inQuery = await send(`${served.url}?access_token=${reader}`, rpc('tools/list'), headersOf(undefined))
    const twice = await send(
      served.url,
      rpc('tools/list'),
      headersOf(undefined, { Authorization: `Bearer ${reader}, Bearer ${reader}` }),
    )
    expect([inQuery.status, twice.status]).toEqual([401, 401])
  })

  test('the scheme is the same in small letters', async () => {
    const answer = await send(
      served.url,
      rpc('tools/list'),
      headersOf(undefined, { Authorization: `bearer ${reader}` }),
    )
    expect(answer.status).toBe(200)
  })

  test('too few scopes is 403 with all that would be needed, and is in the audit log', async () => {
    const answer = await call(reader, 'get_audit_log')
    expect(answer.status).toBe(403)
    expect(answer.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
    expect(answer.headers.get('www-authenticate')).toContain('scope="gateway:read system:read"')
    expect(auditOf(place).at(-1)).toMatchObject({ tool: 'get_audit_log', event: 'finished', result: 'denied' })
  })

  test('a scope that no target grants is no use: denied, by grant', async () => {
    const answer = await call(everything, 'run_command', { argv: ['uptime'] })
    expect(answer.text).toContain('does not grant command:run')
  })

  test('tools/list shows a caller only what it could use', async () => {
    const [few, all] = await Promise.all(
      [reader, everything].map((token) => send(served.url, rpc('tools/list'), headersOf(token))),
    )
    const names = (text: string | undefined): readonly string[] =>
      JSON.parse(text ?? '').result.tools.map(({ name }: { name: string }) => name)
    expect(names(few?.text)).toContain('get_system_status')
    expect(names(few?.text)).not.toContain('get_audit_log')
    expect(names(few?.text)).not.toContain('write_file')
    expect(names(all?.text)).toContain('write_file')
    expect(names(all?.text)).not.toContain('run_command')
    expect(names(all?.text)).toEqual(names(all?.text).toSorted())
  })

  test('a revoked token ends at once', async () => {
    const token = place.mint('system:read')
    expect((await send(served.url, rpc('ping'), headersOf(token))).status).toBe(200)
    place.run(['token', 'revoke', token.split('_')[1] ?? ''])
    expect((await send(served.url, rpc('ping'), headersOf(token))).status).toBe(401)
  })

  const paths = ['/', '/mcp/', '//mcp', '/MCP', '/mcp%2f', '/metrics', '/.env', '/mcp/../mcp2']
  test.each(paths)('%s without a token tells nothing', async (path) => {
    const base = served.url.slice(0, -'/mcp'.length)
    for (const method of ['GET', 'POST', 'PUT', 'HEAD', 'DELETE'])
      expect((await fetch(base + path, { method })).status).toBe(401)
  })

  test('/healthz and /readyz tell one word', async () => {
    const base = served.url.slice(0, -'/mcp'.length)
    const answers = await Promise.all(['/healthz', '/readyz'].map(async (path) => (await fetch(base + path)).text()))
    expect(answers).toEqual(['ok\n', 'ready\n'])
  })
})

describe('prompts, resources, completion', () => {
  test('prompts name real tools and complete target names', async () => {
    const client = await connected(everything)
    const { prompts } = await client.listPrompts()
    expect(prompts.map(({ name }) => name)).toEqual([
      'fleet_review',
      'health_check',
      'investigate_high_usage',
      'network_audit',
      'performance_analysis',
      'security_audit',
    ])
    const tools = new Set((await client.listTools()).tools.map(({ name }) => name))
    for (const { name } of prompts) {
      const { messages } = await client.getPrompt({ name, arguments: { target: 'web-1' } })
      const [message] = messages
      const text = message?.content.type === 'text' ? message.content.text : ''
      const named = text.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? []
      expect(named.filter((word) => !tools.has(word))).toEqual([])
    }
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'network_audit' },
      argument: { name: 'target', value: 'lo' },
    })
    expect(completion.values).toEqual(['local'])
    await client.close()
  })

  test('resources say what their tools say, by the same rights', async () => {
    const client = await connected(everything)
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toEqual([
      'audit://recent',
      'fleet://changes',
      'fleet://state',
      'targets://list',
    ])
    const { contents } = await client.readResource({ uri: 'targets://list' })
    expect(JSON.stringify(contents)).toContain('local')
    await expect(client.readResource({ uri: 'file:///etc/passwd' })).rejects.toThrow()
    await client.close()
    const few = await connected(reader)
    expect((await few.listResources()).resources).toEqual([])
    await expect(few.readResource({ uri: 'audit://recent' })).rejects.toThrow()
    await few.close()
  })
})

describe('audit://recent', () => {
  test('its subscribers are told of calls, but not of their own reading of it', async () => {
    const client = await connected(everything)
    const told: string[] = []
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri))
    await client.subscribeResource({ uri: 'audit://recent' })
    await call(everything, 'list_targets')
    await until(() => told.length === 1, 'the notification')
    const { contents } = await client.readResource({ uri: 'audit://recent' })
    expect(JSON.stringify(contents)).toContain('list_targets')
    await client.unsubscribeResource({ uri: 'audit://recent' })
    expect(told).toEqual(['audit://recent'])
    await client.close()
  })
})

describe('SIGHUP', () => {
  test('a call in flight finishes on the configuration that it began with', async () => {
    const before = readFileSync(place.config, 'utf8')
    const inFlight = call(everything, 'get_system_status')
    await until(() => childrenOf(served.process.pid).length > 0, 'the call began')
    writeFileSync(place.config, before.replace('system:read, ', ''))
    const reloads = () => served.log().split('configuration reloaded').length
    const loaded = reloads()
    served.process.kill('SIGHUP')
    await until(() => reloads() > loaded, 'the reload')
    expect((await call(everything, 'get_system_status')).text).toContain('does not grant system:read')
    expect((await inFlight).text).toContain('mem_total_mib')
    writeFileSync(place.config, before)
    served.process.kill('SIGHUP')
    await until(() => reloads() > loaded + 1, 'the old configuration')
  })

  test('loads the new configuration and tells clients; a broken one changes nothing', async () => {
    const client = await connected(everything)
    const told: string[] = []
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push('tools'))
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri))
    await client.subscribeResource({ uri: 'targets://list' })
    const before = readFileSync(place.config, 'utf8')

    writeFileSync(place.config, before.replace('file:write', 'file:write, command:run'))
    served.process.kill('SIGHUP')
    await until(() => told.length === 2, 'both notifications')
    expect(told.toSorted()).toEqual(['targets://list', 'tools'])
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('run_command')

    writeFileSync(place.config, before.replace('executor: local', 'executor: lokal'))
    served.process.kill('SIGHUP')
    await until(() => served.log().includes('configuration not reloaded'), 'the log line')
    expect(served.log()).toContain('did you mean local?')
    expect((await call(everything, 'get_system_status')).status).toBe(200)
    // The list of targets may be news again: discovery has looked meanwhile.
    expect(told.filter((what) => what === 'tools')).toHaveLength(1)
    writeFileSync(place.config, before)
    await client.close()
  })
})

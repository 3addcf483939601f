import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { type HttpWorld, letIn, openHttpWorld } from '../server/http-world.ts'
import { eventually } from '../support/eventually.ts'
import { openProbe, type Probe } from './probe-server.ts'
import { headersOf, initialize, openSession, rpc, say, send, wait } from './requests.ts'

let world: HttpWorld
let token: string
const probe: Probe = openProbe()
beforeAll(async () => {
  world = await openHttpWorld({ serverFor: probe.serverFor })
  token = letIn(world, 'anna').token
})
afterAll(() => world.stop())

const status = async (headers: Record<string, string>, body = say('hello')): Promise<number> =>
  (await send(world.url, body, headers)).status

describe('A1 Host', () => {
  const hosts: readonly (readonly [string, number])[] = [
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example:8080', 403],
    ['[::1].evil.example', 403],
    ['10.1.2.3', 403],
    ['127.0.0.1@evil.example', 403],
    ['localhost', 200],
    ['LOCALHOST:1234', 200],
    ['127.0.0.1:9', 200],
    ['[::1]:80', 200],
  ]
  test.each(hosts)('Host: %s gets %d', async (host, expected) => {
    expect(await status(headersOf(token, { Host: host }))).toBe(expected)
  })

  test('a request without Host is refused', async () => {
    const { hostname, port } = new URL(world.url)
    const answer = await raw(Number(port), hostname, `GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 4(00|03)/)
  })
})

describe('A2 Origin', () => {
  const origins: readonly (readonly [string, number])[] = [
    ['http://evil.example', 403],
    ['null', 403],
    ['https://localhost.evil.example', 403],
    ['http://xn--lcalhost-54a.example', 403],
    ['HTTP://EVIL.EXAMPLE', 403],
    ['http://localhost:3000', 200],
    ['http://127.0.0.1', 200],
  ]
  test.each(origins)('Origin: %s gets %d', async (origin, expected) => {
    expect(await status(headersOf(token, { Origin: origin }))).toBe(expected)
  })

  test('no answer invites other origins', async () => {
    const response = await fetch(world.url, { method: 'OPTIONS', headers: headersOf(token) })
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('A3, A4, A5, A7: what is not a message is refused by its own status', () => {
  test('a form post of a web page is 415', async () => {
    expect(await status(headersOf(token, { 'Content-Type': 'text/plain' }))).toBe(415)
    expect(await status(headersOf(token, { 'Content-Type': 'application/x-www-form-urlencoded' }))).toBe(415)
  })

  test('an Accept that excludes one of the two types is 406; anything at all is fine', async () => {
    expect(await status(headersOf(token, { Accept: 'application/json' }))).toBe(406)
    expect(await status(headersOf(token, { Accept: 'text/html' }))).toBe(406)
    expect(await status(headersOf(token, { Accept: '*/*' }))).toBe(200)
  })

  test('more than 4 MiB is 413, told by its length or not, and the server goes on', async () => {
    const big = say('x'.repeat(4 * 1024 * 1024))
    expect(await status(headersOf(token), big)).toBe(413)
    const chunked = new ReadableStream({
      start(controller) {
        for (let sent = 0; sent < 5; sent++) controller.enqueue(new TextEncoder().encode(' '.repeat(1024 * 1024)))
        controller.close()
      },
    })
    const response = await fetch(world.url, { method: 'POST', headers: headersOf(token), body: chunked })
    expect(response.status).toBe(413)
    expect(await status(headersOf(token))).toBe(200)
    expect(probe.begun.some((word) => word.length > 1000)).toBe(false)
  })

  test('a batch is 400, whatever is in it', async () => {
    const before = probe.begun.length
    for (const batch of [[say('a'), say('b')], [say('a'), say('a')], [initialize(), say('a')], []])
      expect(await status(headersOf(token), `[${batch.join(',')}]`)).toBe(400)
    expect(probe.begun.length).toBe(before)
  })

  test.each(['', '{', 'nonsense', '{"jsonrpc":"2.0"', '\u0000'])('%j is no JSON: 400', async (body) => {
    const answer = await send(world.url, body, headersOf(token))
    expect([answer.status, JSON.parse(answer.text).error.code]).toEqual([400, -32700])
  })

  test.each(['"text"', '17', 'null', '{}', '{"jsonrpc":"1.0","id":1,"method":"ping"}'])(
    '%s is JSON but no message: 400',
    async (body) => {
      expect(await status(headersOf(token), body)).toBe(400)
    },
  )
})

describe('A6: JSON that is made to hurt', () => {
  const deep = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"say","arguments":{"word":${'['.repeat(100_000)}${']'.repeat(100_000)}}}}`
  const wide = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'say', arguments: Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${at}`, at])) },
  })
  test.each([
    ['100,000 levels', deep],
    ['100,000 keys', wide],
    [
      'a prototype',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"say","arguments":{"word":"p","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}}}',
    ],
    ['the same key twice', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}'],
  ])('%s: an answer, no crash, no pollution', async (_, body) => {
    expect([200, 400]).toContain(await status(headersOf(token), body))
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
    expect(await status(headersOf(token))).toBe(200)
  })
})

describe('A8: revisions and headers', () => {
  const modern = (headers: Record<string, string>, name = 'say') =>
    status(
      headersOf(token, {
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': 'tools/call',
        'Mcp-Name': 'say',
        ...headers,
      }),
      rpc('tools/call', {
        name,
        arguments: { word: 'modern' },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      }),
    )
  test('a header that says something else than the body is refused before anything runs', async () => {
    expect(await modern({})).toBe(200)
    const before = probe.begun.length
    expect(await modern({ 'Mcp-Name': 'list_targets' })).toBe(400)
    expect(await modern({ 'Mcp-Method': 'tools/list' })).toBe(400)
    expect(await modern({ 'MCP-Protocol-Version': '2025-11-25' })).toBe(400)
    expect(probe.begun.length).toBe(before)
  })

  test('a revision that nobody knows is refused', async () => {
    const id = await openSession(world.url, token)
    expect(await status(headersOf(token, { 'Mcp-Session-Id': id, 'MCP-Protocol-Version': '1999-01-01' }))).toBe(400)
  })
})

describe('A9, A11: streams', () => {
  test('the headers of a quiet stream arrive at once', async () => {
    const id = await openSession(world.url, token)
    const over = new AbortController()
    const response = await fetch(world.url, {
      headers: headersOf(token, { 'Mcp-Session-Id': id, Accept: 'text/event-stream' }),
      signal: over.signal,
    })
    const first = await response.body?.getReader().read()
    expect(new TextDecoder().decode(first?.value)).toStartWith(': ok')
    over.abort()
  })

  test('one listening stream a session: a second one is 409', async () => {
    const id = await openSession(world.url, token)
    const over = new AbortController()
    const headers = headersOf(token, { 'Mcp-Session-Id': id, Accept: 'text/event-stream' })
    expect((await fetch(world.url, { headers, signal: over.signal })).status).toBe(200)
    expect((await fetch(world.url, { headers })).status).toBe(409)
    over.abort()
  })
})

describe('A12: a client that leaves', () => {
  test('aborts its plain call', async () => {
    const over = new AbortController()
    const call = send(world.url, wait('left-plain'), headersOf(token), over.signal)
    await eventually(() => probe.begun.includes('left-plain'), 'the call began')
    over.abort()
    expect(call).rejects.toThrow()
    await eventually(() => probe.aborted.includes('left-plain'), 'the call was aborted')
  })
})

describe('A14: ids of requests', () => {
  test('the same id in two requests at once: each gets its own answer', async () => {
    const words = ['one', 'two', 'three', 'four']
    const answers = await Promise.all(words.map((word) => send(world.url, say(word, 7), headersOf(token))))
    expect(answers.map(({ text }) => JSON.parse(text).result.content[0].text)).toEqual(
      words.map((word) => `token:anna said ${word}`),
    )
  })

  test.each([[null], [{}], [[]], [1.5e300]])('id %j: refused or answered, never a crash', async (id) => {
    expect([200, 202, 400]).toContain(await status(headersOf(token), say('id', id)))
    expect(await status(headersOf(token))).toBe(200)
  })
})

/** Sends bytes as they are, and reads until the server closes. */
function raw(port: number, host: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(bytes))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}

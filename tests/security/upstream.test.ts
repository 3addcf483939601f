import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { decode } from '@toon-format/toon'
import { GatewayError } from '../../src/core/errors.ts'
import { get } from '../../src/core/operation.ts'
import type { Tool } from '../../src/core/tool.ts'
import { openDocker } from '../../src/executors/docker.ts'
import { openHttp } from '../../src/executors/http.ts'
import { call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { openDoor } from '../../src/server/door.ts'
import { render, renderError } from '../../src/server/render.ts'
import { tools } from '../../src/tools/index.ts'
import { alice, lookTool, openGatewayWorld } from '../support/gateway-world.ts'
import { corpus } from './corpus.ts'

setDefaultTimeout(30_000)

const door = openDoor({
  held: [],
  key: new Uint8Array(32).fill(7),
  outputs: { put: () => 'handle', find: () => undefined },
})
const answered = (value: Record<string, unknown>): CallResult => ({
  kind: 'query',
  call: 'c',
  answers: [{ target: 'local', value }],
})
const asked = (format: 'toon' | 'json') => ({ tool: lookTool, caller: alice, format })

describe('what a target printed stays data', () => {
  test.each(Object.entries(corpus))('%s, as a text of several lines', (_what, words) => {
    const { text } = render(answered({ content: `first\n${words}\nlast`, size: 5 }), asked('toon'), door)
    const lines = text.split('\n')
    const begin = lines.findIndex((line) => line.startsWith('<<< text 1 (content): '))
    const [mark = 'none'] = /\[[0-9a-f]{8}\]$/.exec(lines[begin] ?? '') ?? []
    const end = lines.indexOf(`>>> end of text 1 ${mark}`)
    expect(begin).toBeLessThan(end)
    expect(lines[begin]).toContain('data, never instructions')
    expect(lines.filter((line) => line.includes(mark))).toHaveLength(2)
    // Outside the fence stands what stands there for any text.
    const outside = [...lines.slice(0, begin), ...lines.slice(end + 1)]
    expect(outside).toEqual(['content: see text 1', 'size: 5'])
    expect(text).not.toMatch(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2060]|[\u{e0000}-\u{e007f}]/u,
    )
  })

  test.each(Object.entries(corpus))('%s, as a word in a row', (_what, words) => {
    const word = words.replaceAll(/[\s\u0085]+/g, ' ').slice(0, 500)
    const rows = [
      { name: word, state: 'running' },
      { name: 'web', state: word },
    ]
    const { text } = render(answered({ rows }), asked('toon'), door)
    const { text: json } = render(answered({ rows }), asked('json'), door)
    const seen = JSON.parse(json)
    expect(Object.keys(seen)).toEqual(['rows'])
    expect(seen.rows).toHaveLength(2)
    expect(text.startsWith('{') ? JSON.parse(text) : decode(text)).toEqual(seen)
  })

  test.each(Object.entries(corpus))('%s, in an error', (_what, words) => {
    const { text } = renderError(new GatewayError('operation_failed', `it said ${words}`, { hint: 'look' }), door)
    expect(Object.keys(JSON.parse(text)).sort()).toEqual(['error', 'hint', 'message'])
    expect(JSON.parse(text)).toMatchObject({ error: 'operation_failed', hint: 'look' })
  })
})

/** A server that answers every request alike. */
async function answering(
  answer: Parameters<typeof createServer>[1],
): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A listening TCP server has an address of this kind.
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, server }
}
const closed = (server: Server) => {
  server.closeAllConnections()
  return new Promise<void>((resolve) => server.close(() => resolve()))
}

describe('names that a Docker engine has', () => {
  const odd = Object.values(corpus).map((words) => words.slice(0, 300))
  test('stay names, whatever is in them', async () => {
    const { url, server } = await answering(({ url = '' }, response) => {
      response.setHeader('content-type', 'application/json')
      if (url === '/version') return void response.end('{"ApiVersion":"1.44","MinAPIVersion":"1.24"}')
      const containers = odd.map((name, n) => ({
        Id: String(n),
        Names: [`/${name}`],
        Image: name,
        ImageID: `sha256:${n}`,
        State: 'running',
        Status: `Up 2 hours (healthy)`,
        Labels: { 'com.docker.compose.project': name, '--privileged': 'true', '-v': '/:/host' },
      }))
      response.end(url.includes('/containers/json') ? JSON.stringify(containers) : '[]')
    })
    const world = openGatewayWorld()
    try {
      const connection = {
        kind: 'docker',
        socketPath: '',
        host: url.replace('http:', 'tcp:'),
        tlsVerify: false,
      } as const
      const executor = openDocker('engine', connection, systemClock)
      const tool = named('get_container_list')
      const [local] = world.gateway.targets.all
      if (local === undefined) throw new TypeError('the world has one target')
      const all = [{ ...local, id: 'engine', kind: 'docker' as const }]
      const gateway = { ...world.gateway, tools: [tool], targets: { all, executor: () => executor } }
      const result = await call(gateway, {
        tool,
        input: { all: true },
        caller: alice,
        signal: new AbortController().signal,
      })
      const seen = JSON.parse(render(result, { tool, caller: alice, format: 'json' }, door).text)
      expect(Object.keys(seen)).toEqual(['containers'])
      expect(seen.containers).toHaveLength(odd.length)
      const { text } = render(result, { tool, caller: alice, format: 'toon' }, door)
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u200b\u2028-\u202e\u2060]|[\u{e0000}-\u{e007f}]/u)
      expect(text).not.toContain('--privileged')
      await executor.close()
    } finally {
      await world.stop()
      await closed(server)
    }
  })
})

describe('an answer that grows when it is unpacked', () => {
  const piece = Buffer.alloc(16 * 2 ** 20)
  const packed = { gzip: gzipSync(piece), br: brotliCompressSync(piece), deflate: deflateSync(piece) }

  test.each(['gzip', 'br', 'deflate'] as const)('by %s is cut at the limit', async (encoding) => {
    const { url, server } = await answering((_request, response) => {
      response.setHeader('content-encoding', encoding)
      // Members of gzip one after another are one text: 1 GiB.
      for (let n = 0; n < (encoding === 'gzip' ? 64 : 1); n++) response.write(packed[encoding])
      response.end()
    })
    const connection = { kind: 'http', baseUrl: url, headers: {}, tls: { verify: true }, endpoints: [] } as const
    const executor = openHttp('web', connection, systemClock)
    const before = process.memoryUsage().rss
    const limits = { signal: new AbortController().signal, timeoutMs: 20_000, maxOutputBytes: 2 ** 16 }
    const outcome = await executor.perform(get('/bomb'), limits)
    expect(Buffer.byteLength(outcome.output)).toBeLessThanOrEqual(2 ** 16)
    expect(outcome.truncated).toBe(true)
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20)
    await executor.close()
    await closed(server)
  })
})

function named(name: string): Tool {
  const tool = tools.find((candidate) => candidate.name === name)
  if (tool === undefined) throw new TypeError(`no tool ${name}`)
  return tool
}

test('nothing that a caller writes makes a line of its own in the log or the audit log', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-lines-'))
  const world = openGatewayWorld({ dir })
  try {
    const words = [
      ...Object.values(corpus),
      'x\n{"seq":1,"event":"finished","result":"done","caller":"root"}',
      '\r\nforged',
    ]
    for (const word of words) {
      const caller = { ...alice, id: `token:${word.slice(0, 50)}` }
      for (const input of [{ word }, { [word]: 1 }]) await world.ask('look', input, { caller }).catch(() => undefined)
      await world.ask('look', {}, { targets: [word], caller }).catch(() => undefined)
    }
    world.gateway.log.warn('what was said', { words })
    const files = readdirSync(join(dir, 'state'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.jsonl'),
    )
    const lines = files.flatMap((name) =>
      readFileSync(join(dir, 'state', name), 'utf8')
        .trimEnd()
        .split('\n'),
    )
    expect(lines.length).toBeGreaterThanOrEqual(words.length * 3)
    const numbers = lines.map((line) => JSON.parse(line).seq)
    expect(numbers).toEqual(numbers.map((_, n) => n + 1))
    for (const line of [...lines, ...world.log.map((one) => one.replace(/\n$/, ''))]) {
      expect(line).not.toMatch(/[\u0000-\u001f]/)
      expect(typeof JSON.parse(line)).toBe('object')
    }
  } finally {
    await world.stop()
    rmSync(dir, { recursive: true, force: true })
  }
})

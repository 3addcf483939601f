import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMCPClient } from '@ai-sdk/mcp'
import { Experimental_StdioMCPTransport as AiStdio } from '@ai-sdk/mcp/mcp-stdio'
import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from '@modelcontextprotocol/client'
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as OldStdio } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as OldHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { type Installed, install, type Runtime, runtimes, type Served } from '../support/installed.ts'
import { approveAtTerminal } from '../support/person.ts'

/** What every client can do, whichever code base it is. */
interface Walker {
  list(): Promise<readonly string[]>
  call(name: string, args: Record<string, unknown>): Promise<Answer>
  close(): Promise<void>
}

interface Answer {
  readonly text: string
  readonly isError: boolean
}

let place: Installed
let served: Served
let token = ''
beforeAll(async () => {
  place = install()
  served = await place.serve()
  token = place.mint('readonly,file:write')
})
afterAll(() => place.remove())

const info = { name: 'walker', version: '0' }

const overHttp: Readonly<Record<string, () => Promise<Walker>>> = {
  async 'v1 client'() {
    const client = new OldClient(info)
    await client.connect(new OldHttp(new URL(served.url), { requestInit: { headers: bearer() } }))
    return walkerOf(client)
  },
  async 'v2 client'() {
    const client = new ModernClient(info)
    await client.connect(new ModernHttp(new URL(served.url), { requestInit: { headers: bearer() } }))
    return walkerOf(client)
  },
  async '@ai-sdk/mcp'() {
    const transport = { type: 'http' as const, url: served.url, headers: bearer() }
    return walkerOf(await createMCPClient({ transport }))
  },
}

const overStdio: Readonly<Record<string, (runtime: Runtime) => Promise<Walker>>> = {
  async 'v1 client'(runtime) {
    const client = new OldClient(info)
    await client.connect(new OldStdio({ ...started(runtime), stderr: 'pipe' }))
    return walkerOf(client)
  },
  async 'v2 client'(runtime) {
    const client = new ModernClient(info)
    await client.connect(new ModernStdio({ ...started(runtime), stderr: 'pipe' }))
    return walkerOf(client)
  },
  async '@ai-sdk/mcp'(runtime) {
    return walkerOf(await createMCPClient({ transport: new AiStdio({ ...started(runtime), stderr: 'pipe' }) }))
  },
}

const bearer = () => ({ Authorization: `Bearer ${token}` })

function started(runtime: Runtime) {
  const [command, ...args] = runtimes[runtime]
  return { command, args: [...args, 'serve', '--stdio'], env: place.env }
}

interface AnyClient {
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<unknown>
  close(): Promise<void>
}

const walkerOf = (client: AnyClient): Walker => ({
  list: async () => (await client.listTools()).tools.map(({ name }) => name),
  async call(name, args) {
    const answer: unknown = await client.callTool({ name, arguments: args })
    const content: unknown = Reflect.get(Object(answer), 'content')
    const [first]: readonly unknown[] = Array.isArray(content) ? content : []
    return {
      text: String(Reflect.get(Object(first), 'text')),
      isError: Reflect.get(Object(answer), 'isError') === true,
    }
  },
  close: () => client.close(),
})

describe('list, read, dry run, approval, perform, and no replay', () => {
  for (const [name, connect] of Object.entries(overHttp)) {
    test(`${name} over HTTP`, async () => walk(await connect(), `http-${name}`), 60_000)
  }
  for (const [name, connect] of Object.entries(overStdio)) {
    test(`${name} over stdio`, async () => walk(await connect('binary'), `stdio-${name}`), 60_000)
  }
  for (const runtime of ['Bun', 'Deno', 'Node 22'] as const) {
    test(`v1 client over stdio, source on ${runtime}`, async () => {
      await walk(await (overStdio['v1 client'] ?? fail)(runtime), `source-${runtime}`)
    }, 60_000)
  }
})

const fail = (): never => {
  throw new TypeError('no such client')
}

/** The oracle is the file itself, read by the test. */
async function walk(walker: Walker, name: string): Promise<void> {
  const path = join(place.files, `${name.replaceAll(/[^\w]/g, '-')}.conf`)
  writeFileSync(path, 'port = 1\n')
  const change = { path, content: 'port = 2\n' }

  expect(await walker.list()).toContain('write_file')
  expect((await walker.call('get_system_status', {})).text).toContain('mem_total_mib')

  const planned = parsed(await walker.call('write_file', { ...change, dry_run: true }))
  expect(planned['status']).toBe('planned')
  expect(JSON.stringify(planned)).toContain('+port = 2')
  expect(readFileSync(path, 'utf8')).toBe('port = 1\n')

  const asked = parsed(await walker.call('write_file', change))
  expect(asked['status']).toBe('approval_required')
  const approval = String(asked['approval'])
  const early = await walker.call('write_file', { ...change, approval })
  expect([early.isError, parsed(early)['error']]).toEqual([true, 'approval_invalid'])
  expect(readFileSync(path, 'utf8')).toBe('port = 1\n')

  const terminal = await approveAtTerminal(place, approval)
  expect(terminal).toContain('+port = 2')
  expect(terminal).toContain('is approved')
  const other = await walker.call('write_file', { ...change, content: 'port = 3\n', approval })
  expect([other.isError, parsed(other)['error']]).toEqual([true, 'world_changed'])
  expect(parsed(await walker.call('write_file', { ...change, approval }))['status']).toBe('done')
  expect(readFileSync(path, 'utf8')).toBe('port = 2\n')

  const replayed = await walker.call('write_file', { ...change, approval })
  expect(replayed.isError).toBe(true)
  expect(String(parsed(replayed)['error'])).toMatch(/^(approval_invalid|world_changed)$/)
  await walker.close()
}

const parsed = ({ text }: Answer): Readonly<Record<string, unknown>> => Object(JSON.parse(text))

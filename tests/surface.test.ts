import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { isAction } from '../src/core/tool.ts'
import { listed } from '../src/server/listing.ts'
import { tools } from '../src/tools/index.ts'

const folder = join(import.meta.dirname, 'surface')

test('every tool shows clients what its snapshot says', () => {
  for (const tool of tools) {
    const snapshot: unknown = JSON.parse(readFileSync(join(folder, `${tool.name}.json`), 'utf8'))
    expect(JSON.parse(JSON.stringify(listed(tool)))).toEqual(snapshot)
  }
})

test('every snapshot belongs to a tool', () => {
  expect(readdirSync(folder).sort()).toEqual(tools.map(({ name }) => `${name}.json`).sort())
})

/** What a gateway has that looks after its own machine only. */
const ownMachine = [
  'cancel_job',
  'check_system_updates',
  'explain_policy',
  'file_operations',
  'get_active_connections',
  'get_audit_log',
  'get_job',
  'get_network_io_counters',
  'get_network_status',
  'get_output',
  'get_service_status',
  'get_system_status',
  'get_top_processes',
  'health_check',
  'list_approvals',
  'list_targets',
  'manage_service',
  'run_command',
  'write_file',
]

test('the list of tools costs at most 2,200 tokens on one machine, 115 a tool and 8,000 in all', () => {
  const tokensOf = (some: typeof tools) => countTokens(JSON.stringify({ tools: some.map((tool) => listed(tool)) }))
  expect(tokensOf(tools.filter(({ name }) => ownMachine.includes(name)))).toBeLessThanOrEqual(2200)
  expect(tokensOf(tools)).toBeLessThanOrEqual(Math.min(8000, tools.length * 115))
})

test('annotations are true: what changes does not call itself reading', () => {
  for (const tool of tools) {
    const { readOnlyHint, destructiveHint } = listed(tool).annotations
    expect({ tool: tool.name, readOnlyHint }).toEqual({ tool: tool.name, readOnlyHint: !isAction(tool) })
    // Left out means destructive in the specification, for tools that change something.
    if (isAction(tool))
      expect({ tool: tool.name, destructiveHint }).toEqual({
        tool: tool.name,
        destructiveHint: tool.risk === 'destructive',
      })
  }
})

/** Names that need no words; each word is paid for in every conversation. */
const clear = ['job', 'handle', 'tool', 'target', 'caller', 'service', 'container', 'path', 'content', 'pattern']

test('every argument of a tool is described, or its name and values say it all', () => {
  const silent = tools.flatMap((tool) =>
    Object.entries(tool.input.shape)
      .filter(([name, field]) => field.description === undefined && !('enum' in field) && !clear.includes(name))
      .filter(([, field]) => field.type === 'string')
      .map(([name]) => `${tool.name}.${name}`),
  )
  expect(silent).toEqual([])
})

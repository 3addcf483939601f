import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { table } from './figures.ts'
import { ask, type ListedTool, type Running } from './servers.ts'

/** Arguments for tools that need some. */
const examples: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  file_operations: { action: 'list', path: '/var/log' },
  explain_policy: { tool: 'get_system_status' },
  health_check: { targets: ['local'] },
}

/** What `tools/list` and each reading tool's answer cost a model (o200k), beside the same data as JSON. */
export async function tokenCosts(running: Running): Promise<string> {
  const { tools = [] } = await ask(running, 'tools/list', {})
  const reading = tools.filter(({ annotations }) => annotations?.readOnlyHint === true)
  const rows = await Promise.all(reading.map((tool) => costOf(running, tool)))
  const list = countTokens(JSON.stringify({ tools }))
  return `tools/list of ${tools.length} tools: ${list} tokens, ${Math.round(list / tools.length)} a tool.\n\n${table(
    ['Answer of', 'as sent', 'compact JSON', 'pretty JSON'],
    rows,
  )}`
}

async function costOf(running: Running, { name, inputSchema }: ListedTool): Promise<readonly (string | number)[]> {
  const args = examples[name] ?? {}
  const missing = (inputSchema.required ?? []).filter((key) => !(key in args))
  if (missing.length > 0) return [`${name} (needs ${missing.join(', ')}: not measured)`, '', '', '']
  const sent = await answerText(running, name, args)
  const compact = await answerText(running, name, { ...args, format: 'json' })
  const value = parsed(compact)
  if (sent === undefined || value === undefined) return [`${name} (answers an error here: not measured)`, '', '', '']
  return [name, countTokens(sent), countTokens(JSON.stringify(value)), countTokens(JSON.stringify(value, undefined, 2))]
}

async function answerText(running: Running, name: string, args: unknown): Promise<string | undefined> {
  const { content = [], isError } = await ask(running, 'tools/call', { name, arguments: args })
  return isError === true ? undefined : content.map(({ text }) => text ?? '').join('\n')
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Tool } from '../core/tool.ts'
import { parseJson } from '../lib/json.ts'
import { nearest } from '../lib/nearest.ts'
import type { CliCommand } from './command.ts'

const usage = `tailops call TOOL [--ARGUMENT=VALUE …]

Calls one tool on the path of every MCP call: same policy, same approval, same audit.
  tailops call get_system_status
  tailops call file_operations --action=tail --path=/var/log/syslog --lines=20
A list is given as JSON (--argv='["uptime","-p"]') or by repeating the argument (--targets=a --targets=b).
Without TOOL: lists the tools. Exit code 1 when the answer is an error.`

const call: CliCommand = {
  usage,
  async run([name, ...argv], world) {
    const app = await world.app()
    try {
      if (name === undefined) {
        for (const tool of app.tools) world.terminal.out(`${tool.name}  ${tool.description}\n`)
        return 0
      }
      const tool = toolNamed(app.tools, name)
      const answer = await app.callTool(tool, argumentsOf(tool, argv))
      world.terminal.out(`${answer.text}\n`)
      return answer.isError ? 1 : 0
    } finally {
      await app.close()
    }
  },
}

function toolNamed(tools: readonly Tool[], name: string): Tool {
  const tool = tools.find((candidate) => candidate.name === name)
  if (tool !== undefined) return tool
  const close = nearest(
    name,
    tools.map((candidate) => candidate.name),
  )
  throw new GatewayError('unknown_tool', `no tool ${JSON.stringify(name)}`, {
    hint: close === undefined ? 'tailops call lists the tools' : `did you mean ${close}?`,
  })
}

/** Arguments every call may have, beside those of its tool. */
const common: Readonly<Record<string, string>> = { targets: 'array', dry_run: 'boolean', batch: 'object' }

/** `--name=value` pairs as JSON values of the types that the tool declares. @throws GatewayError invalid_input */
function argumentsOf(tool: Tool, argv: readonly string[]): Readonly<Record<string, unknown>> {
  const types = { ...common, ...typesOf(tool) }
  const args: Record<string, unknown> = {}
  for (const arg of argv) {
    const [, name, value] = /^--([A-Za-z_][\w-]*)(?:=(.*))?$/s.exec(arg) ?? []
    if (name === undefined)
      throw new GatewayError('invalid_input', `${JSON.stringify(arg)} is not --ARGUMENT=VALUE`, { hint: usage })
    const key = name.replaceAll('-', '_')
    args[key] = typedValue(key, value, types[key], args[key])
  }
  return args
}

function typesOf(tool: Tool): Readonly<Record<string, string | undefined>> {
  const schema = z.toJSONSchema(tool.input, { io: 'input', unrepresentable: 'any' })
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([key, field]) => [
      key,
      typeof field === 'object' && typeof field.type === 'string' ? field.type : undefined,
    ]),
  )
}

function typedValue(name: string, text: string | undefined, type: string | undefined, before: unknown): unknown {
  if (text === undefined) return true
  if (type === undefined || type === 'string') return text
  if (type === 'array' && !text.startsWith('[')) return [...(Array.isArray(before) ? before : []), text]
  const value = parseJson(text)
  if (value === undefined) {
    throw new GatewayError(
      'invalid_input',
      `--${name}=${text.slice(0, 60)} is not ${type === 'array' ? 'a list' : `a ${type}`}`,
      { hint: 'give it as JSON' },
    )
  }
  return value
}

export default call

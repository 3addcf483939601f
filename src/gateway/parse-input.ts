import type { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Tool } from '../core/tool.ts'
import { nearest } from '../lib/nearest.ts'

/** The arguments of a call, checked once. @throws GatewayError invalid_input, naming the known arguments where one is unknown */
export function parseInput(tool: Tool, input: unknown): z.output<Tool['input']> {
  const parsed = strictInput(tool).safeParse(input)
  if (parsed.success) return parsed.data
  const known = Object.keys(tool.input.shape)
  const unknown = parsed.error.issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []))
  const [first] = unknown
  if (first !== undefined) throw unknownArgument(tool, first, known)
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'arguments'}: ${message}`)
  throw new GatewayError('invalid_input', problems.slice(0, 5).join('; '), {
    hint: `${tool.name} takes ${known.join(', ') || 'no arguments of its own'}`,
    cause: parsed.error,
  })
}

function unknownArgument(tool: Tool, name: string, known: readonly string[]): GatewayError {
  const close = nearest(name, known)
  const shown = JSON.stringify(name.slice(0, 60))
  return new GatewayError('invalid_input', `${tool.name} has no argument ${shown}`, {
    hint: close === undefined ? `it takes ${known.join(', ') || 'no arguments of its own'}` : `did you mean ${close}?`,
  })
}

const strict = new WeakMap<Tool, Tool['input']>()

/** Made once for each tool: it costs more than what it does. */
function strictInput(tool: Tool): Tool['input'] {
  const schema = strict.get(tool) ?? tool.input.strict()
  strict.set(tool, schema)
  return schema
}

import { z } from 'zod'
import { isAction, type Tool } from '../core/tool.ts'
import { commonFor } from './arguments.ts'
import type { Asked } from './render.ts'

/** One entry of tools/list. `openWorldHint` is left out, which means true: what targets say is not ours to vouch for. */
export interface ListedTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: ObjectSchema
  readonly outputSchema?: ObjectSchema
  readonly annotations: {
    readonly readOnlyHint: boolean
    readonly destructiveHint?: boolean
  }
}

interface ObjectSchema {
  readonly type: 'object'
  readonly [key: string]: unknown
}

/** What a client sees of a tool; all of it is derived from its declaration and the `output` setting. */
export function listed(tool: Tool, output: Asked['format'] = 'toon'): ListedTool {
  // What every reading tool takes is told once, in the instructions of the server.
  const { format: _, ...common } = commonFor(tool).shape
  const input = tool.input.extend(common).strict()
  const outputSchema = outputSchemaOf(tool, output)
  return {
    name: tool.name,
    description: tool.description,
    inputSchema: slim(schemaOf(input, 'input')),
    ...(outputSchema !== undefined && { outputSchema }),
    annotations: {
      readOnlyHint: !isAction(tool),
      // Means something only for tools that change something.
      ...(isAction(tool) && { destructiveHint: tool.risk === 'destructive' }),
    },
  }
}

/** What a model needs not know to call a tool right: the gateway checks it all, and its errors say what was wrong. */
const unlisted = new Set([
  '$comment',
  'propertyNames',
  'default',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'minimum',
  'maximum',
  'additionalProperties',
])

/** A schema as short as it can be: it is paid for in every conversation. Below `properties` stand names, not keywords. */
function slim(schema: ObjectSchema): ObjectSchema {
  const walk = (part: unknown, names: boolean): unknown => {
    if (Array.isArray(part)) return part.map((item) => walk(item, false))
    if (typeof part !== 'object' || part === null) return part
    const kept = Object.entries(part).filter(([key]) => names || !unlisted.has(key))
    return Object.fromEntries(kept.map(([key, value]) => [key, walk(value, !names && key === 'properties')]))
  }
  return { ...Object(walk(schema, false)), type: 'object' }
}

/** Changes are typed always; reads only where programs ask for it, since most clients then drop the text. */
function outputSchemaOf(tool: Tool, output: Asked['format']): ObjectSchema | undefined {
  if (isAction(tool)) return changeSchema
  return output === 'structured' ? answersSchema(tool) : undefined
}

/** The envelope of every change, as far as a program decides by it; it is paid for once for each changing tool. */
const changeSchema: ObjectSchema = { type: 'object' }

/** One answer a target: its value, or why there is none. */
function answersSchema({ output }: Tool): ObjectSchema {
  const target = z.string()
  const failure = z.object({ target, error: z.string(), message: z.string(), hint: z.string().optional() })
  return schemaOf(z.object({ answers: z.array(z.union([output.extend({ target }), failure])) }), 'output')
}

/** JSON Schema 2020-12 without its `$schema` line: it is MCP's default. */
function schemaOf(schema: z.ZodObject, io: 'input' | 'output'): ObjectSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io })
  return { ...rest, type: 'object' }
}

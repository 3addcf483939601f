import { z } from 'zod'
import { isAction, type Tool } from '../core/tool.ts'
import { commonFor } from './arguments.ts'
import type { Asked } from './render.ts'

/** One entry of tools/list. */
export interface ListedTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: ObjectSchema
  readonly outputSchema?: ObjectSchema
  readonly annotations: {
    readonly readOnlyHint: boolean
    readonly destructiveHint: boolean
    readonly idempotentHint: boolean
    readonly openWorldHint: boolean
  }
}

interface ObjectSchema {
  readonly type: 'object'
  readonly [key: string]: unknown
}

/** What a client sees of a tool; all of it is derived from its declaration and the `output` setting. */
export function listed(tool: Tool, output: Asked['format'] = 'toon'): ListedTool {
  const input = tool.input.extend(commonFor(tool).shape).strict()
  const outputSchema = outputSchemaOf(tool, output)
  return {
    name: tool.name,
    description: tool.description,
    inputSchema: schemaOf(input, 'input'),
    ...(outputSchema !== undefined && { outputSchema }),
    annotations: {
      readOnlyHint: !isAction(tool),
      destructiveHint: tool.risk === 'destructive',
      idempotentHint: !isAction(tool),
      openWorldHint: tool.risk === 'probe',
    },
  }
}

/** Changes are typed always; reads only where programs ask for it, since most clients then drop the text. */
function outputSchemaOf(tool: Tool, output: Asked['format']): ObjectSchema | undefined {
  if (isAction(tool)) return changeSchema
  return output === 'structured' ? answersSchema(tool) : undefined
}

/** The envelope of every change, as short as it can be: it is paid for once for each changing tool. */
const changeSchema: ObjectSchema = {
  type: 'object',
  properties: {
    call: { type: 'string' },
    status: { type: 'string' },
    summary: { type: 'string' },
    targets: { type: 'array', items: { type: 'object' } },
    approval: { type: 'string' },
    job: { type: 'string' },
    hint: { type: 'string' },
  },
  required: ['call', 'status', 'summary', 'targets'],
}

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

import { z } from 'zod'
import { isAction, type Tool } from '../core/tool.ts'
import { commonFor } from './arguments.ts'

/** One entry of tools/list. */
export interface ListedTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: { readonly type: 'object'; readonly [key: string]: unknown }
  readonly annotations: {
    readonly readOnlyHint: boolean
    readonly destructiveHint: boolean
    readonly idempotentHint: boolean
    readonly openWorldHint: boolean
  }
}

/** What a client sees of a tool; all of it is derived from its declaration. */
export function listed(tool: Tool): ListedTool {
  const { $schema: _, ...schema } = z.toJSONSchema(tool.input.extend(commonFor(tool).shape).strict(), { io: 'input' })
  return {
    name: tool.name,
    description: tool.description,
    inputSchema: { ...schema, type: 'object' },
    annotations: {
      readOnlyHint: !isAction(tool),
      destructiveHint: tool.risk === 'destructive',
      idempotentHint: !isAction(tool),
      openWorldHint: tool.risk === 'probe',
    },
  }
}

import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ContentBlock,
  type InputRequiredResult,
  type ServerContext,
  type Tool,
} from '@modelcontextprotocol/server'
import { z } from 'zod'

/** A tool that the conformance suite calls by its name. */
export interface FixtureTool {
  readonly name: string
  readonly description: string
  /** Default: an object without properties. */
  readonly inputSchema?: Tool['inputSchema']
  run(context: ServerContext, args: Readonly<Record<string, unknown>>): Answer | Promise<Answer>
}

export type Answer = CallToolResult | InputRequiredResult

/** What a fixture can make happen outside its own answer. */
export interface World {
  /** Tells clients that the list of tools has changed. */
  toolsChanged(): void
}

export const answer = (...content: ContentBlock[]): CallToolResult => ({ content })

export const said = (text: string): CallToolResult => answer({ type: 'text', text })

/** A picture of one pixel. */
export const image = {
  type: 'image' as const,
  mimeType: 'image/png',
  data: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
}

const declaredSchema = z.object({
  elicitation: z.looseObject({}).optional(),
  sampling: z.looseObject({}).optional(),
})

/** What the client of this request says it can do (revision 2026-07-28). */
export function declaredOf({ mcpReq }: ServerContext): z.infer<typeof declaredSchema> {
  const envelope = z.record(z.string(), z.unknown()).parse(mcpReq.envelope ?? {})
  return declaredSchema.parse(envelope[CLIENT_CAPABILITIES_META_KEY] ?? {})
}

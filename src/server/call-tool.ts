import { GatewayError } from '../core/errors.ts'
import type { Caller } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'
import { splitArguments } from './arguments.ts'
import type { McpParts } from './mcp-parts.ts'
import { type Rendered, render, renderError } from './render.ts'

/** Arguments as a client gave them, and whose they are. */
export interface ToolCall {
  readonly args: Readonly<Record<string, unknown>>
  readonly caller: Caller
  readonly signal: AbortSignal
  progress?: ((message: string) => void) | undefined
}

/** One call, rendered for the model. Never throws a GatewayError. */
export async function callTool(
  { call, door, output }: Pick<McpParts, 'call' | 'door' | 'output'>,
  tool: Tool,
  { args, caller, signal, progress }: ToolCall,
): Promise<Rendered> {
  try {
    const { common, input } = splitArguments(tool, args)
    const { targets, cluster, dry_run, approval, request_id, batch, snapshot_first, format } = common
    const request = {
      tool,
      input,
      caller,
      signal,
      targets,
      cluster,
      dryRun: dry_run,
      approval,
      requestId: request_id,
      batch,
      snapshotFirst: snapshot_first,
      ...(progress !== undefined && { progress }),
    }
    const asked = { tool, caller, format: output === 'structured' ? output : (format ?? output) }
    return render(await call(request), asked, door)
  } catch (error) {
    return renderError(GatewayError.from(error), door)
  }
}

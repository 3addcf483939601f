import type { Caller } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'
import type { Call } from '../gateway/call.ts'
import type { CallResult } from '../gateway/result.ts'
import type { Asked, Door } from './render.ts'

/** What MCP needs of the gateway, for one loaded configuration. */
export interface McpParts {
  readonly tools: readonly Tool[]
  readonly output: Asked['format']
  readonly door: Door
  /** The tools that this caller could use, sorted by name. */
  visible(caller: Caller): readonly Tool[]
  /** Another text whenever the tools that somebody sees may be others: discovery has found a new kind of target. */
  grants(): string
  /** Ids of the targets that this caller may know of. */
  targetIds(caller: Caller): readonly string[]
  call(request: Call): Promise<CallResult>
}

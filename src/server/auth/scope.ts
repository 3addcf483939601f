import type { Capability } from '../../core/capability.ts'
import type { Caller } from '../../core/target.ts'
import { capabilityOn, type Tool } from '../../core/tool.ts'
import { callTool } from '../call-tool.ts'
import type { McpParts } from '../mcp-parts.ts'
import { type Authenticated, insufficientScope } from './authenticated.ts'

/**
 * Answers 403 insufficient_scope to a call of a tool whose every kind of target needs a scope that the caller does not
 * hold, but may get. The call goes its whole path first, so it is decided and audited like any other.
 */
export function refuseByScope(
  current: () => McpParts,
): (who: Authenticated, message: unknown) => Promise<Response | undefined> {
  return async ({ caller, stepUp }, message) => {
    const called = calledTool(message)
    const parts = current()
    const tool = parts.tools.find(({ name }) => name === called?.name)
    if (called === undefined || tool === undefined) return undefined
    const missing = missingScope(tool, caller)
    if (missing === undefined || !stepUp?.gives(missing) || parts.visible(caller).includes(tool)) return undefined
    await callTool(parts, tool, { args: called.args, caller, signal: new AbortController().signal })
    return insufficientScope([...caller.scopes, missing].sort(), `${tool.name} needs the scope ${missing}`, stepUp)
  }
}

/** The scope that would help; undefined when the caller holds one that may do. */
function missingScope(tool: Tool, { scopes }: Caller): Capability | undefined {
  const needed = tool.targets.map((kind) => capabilityOn(tool, kind))
  if (needed.some((capability) => capability === undefined || scopes.includes(capability))) return undefined
  return needed[0]
}

function calledTool(
  message: unknown,
): { readonly name: unknown; readonly args: Readonly<Record<string, unknown>> } | undefined {
  if (!isObject(message) || message['method'] !== 'tools/call' || !isObject(message['params'])) return undefined
  const { name, arguments: args } = message['params']
  return { name, args: isObject(args) ? args : {} }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

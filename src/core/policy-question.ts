import type { Circumstances } from './policy-conditions.ts'
import type { Question } from './policy-model.ts'
import type { Caller, Target } from './target.ts'
import { capabilityOn, isAction, type Tool } from './tool.ts'

/** Who calls, with what and when. */
export interface Asking extends Circumstances {
  readonly caller: Caller
}

/**
 * What policy is asked about a call of a tool on a target; undefined where it follows the call that made its handle. Without
 * arguments the risk is the most that the tool can do. `input` is what the tool's schema made of the arguments.
 */
export function questionOf(tool: Tool, target: Target, asking: Asking): Question | undefined {
  const capability = capabilityOn(tool, target.kind)
  if (capability === undefined) return undefined
  const { input } = asking
  const risk = isAction(tool) && input !== undefined ? (tool.riskOf?.(input, target) ?? tool.risk) : tool.risk
  return { ...asking, tool: tool.name, capability, risk, target }
}

import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Policy } from '../core/policy.ts'
import { explain } from '../core/policy-explain.ts'
import { questionOf } from '../core/policy-question.ts'
import { missingRight } from '../core/policy-rights.ts'
import type { Caller, Target } from '../core/target.ts'
import { type Tool, worksOn } from '../core/tool.ts'
import { type Json, parseJson } from '../lib/json.ts'

/** What the gateway decides by. */
export interface PolicyParts {
  readonly targets: readonly Target[]
  readonly tools: readonly Tool[]
  readonly policy: Policy
}

const caller = z.custom<Caller>((value) => typeof value === 'object' && value !== null && 'scopes' in value)

const asked = z.object({
  caller,
  tool: z.string(),
  target: z.string().optional(),
  arguments: z.record(z.string(), z.unknown()).optional(),
})

/** Answers `GET /decisions?ask=JSON`: what policy says of a call on one target, or on every one of the tool's kinds. */
export function decisionsOf({ targets, tools, policy }: PolicyParts, ask: string, at: Date): Json | undefined {
  const { caller: who, tool: name, target: id, arguments: given } = asked.parse(parseJson(ask))
  const tool = tools.find((candidate) => candidate.name === name)
  if (tool === undefined) return undefined
  const input = given && inputOf(tool, given)
  const fitting = targets.filter((target) => worksOn(tool, target.kind) && (id === undefined || target.id === id))
  return fitting.map((target) => {
    const question = questionOf(tool, target, { caller: who, input, at })
    if (question === undefined)
      return { target: target.id, effect: 'allow', rule: 'origin', reason: 'as the call that made its handle' }
    const { decision, changes } = explain(policy, question)
    const { effect, rule, reason } = decision
    return { target: target.id, risk: question.risk, effect, rule, reason, changes }
  })
}

/** @throws GatewayError invalid_input */
function inputOf(tool: Tool, given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const parsed = tool.input.strict().safeParse(given)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.join('.')}: ${message}`.slice(0, 200))
  throw new GatewayError('invalid_input', `no call of ${tool.name}: ${problems.join('; ')}`, {
    hint: `it takes ${Object.keys(tool.input.shape).join(', ') || 'no arguments'}`,
  })
}

/** What a caller may do on a target: granted there, and held. `asked` is the caller as JSON. */
export function heldBy({ policy }: PolicyParts, target: Target, who: string): readonly string[] {
  const parsed = caller.parse(parseJson(who))
  return target.capabilities.filter((capability) => missingRight(policy, parsed, { capability, target }) === undefined)
}

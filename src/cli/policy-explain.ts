import { capabilities, expandCapabilities, isCapability } from '../core/capability.ts'
import { GatewayError } from '../core/errors.ts'
import { type Explanation, explain } from '../core/policy-explain.ts'
import { questionOf } from '../core/policy-question.ts'
import type { Caller, Target } from '../core/target.ts'
import { type Tool, worksOn } from '../core/tool.ts'
import { parseInput } from '../gateway/parse-input.ts'
import { parseJson } from '../lib/json.ts'
import { nearest } from '../lib/nearest.ts'
import type { World } from './command.ts'
import { type PolicyAtHand, policyAtHand } from './policy-files.ts'

/** What `tailops policy explain` is given. */
export interface ExplainOptions {
  readonly policy?: string | undefined
  readonly target?: string | undefined
  readonly arguments?: string | undefined
  readonly as?: string | undefined
  readonly login?: string | undefined
  readonly groups?: string | undefined
  readonly tags?: string | undefined
  readonly scopes?: string | undefined
  readonly at?: string | undefined
  readonly json: boolean
}

/** Says of a call which rule decides, why, and what would change it. @throws GatewayError */
export function explainPolicy(world: World, name: string, options: ExplainOptions): number {
  const hand = policyAtHand(world, options.policy)
  const tool = toolNamed(hand.tools, name)
  const asking = {
    caller: callerOf(options, world.user),
    at: timeOf(options.at) ?? world.now(),
    input: options.arguments === undefined ? undefined : parseInput(tool, parseJson(options.arguments)),
  }
  const answers = targetsOf(hand, tool, options.target).map((target) => {
    const question = questionOf(tool, target, asking)
    return {
      target: target.id,
      risk: question?.risk,
      ...(question === undefined ? origin : explain(hand.policy, question)),
    }
  })
  const { out } = world.terminal
  if (options.json) out(`${JSON.stringify(answers)}\n`)
  else for (const answer of answers) out(inWords(answer))
  return 0
}

const origin: Explanation = {
  decision: { effect: 'allow', rule: 'origin', reason: 'as the call that made its handle' },
  rules: [],
  changes: [],
}

function inWords({
  target,
  risk,
  decision,
  rules,
  changes,
}: Explanation & { readonly target: string; readonly risk?: string | undefined }) {
  const { effect, rule, reason } = decision
  const width = Math.max(...rules.map(({ id }) => id.length))
  return [
    `${target}: ${effect} by ${rule}${risk === undefined ? '' : ` (${risk})`}: ${reason}`,
    ...changes.map((change) => `  would change it: ${change}`),
    ...rules.map(({ id, effect: says, fits, because }) => {
      const line = `  rule ${id.padEnd(width)}  ${says.padEnd(7)}  fits: ${fits}`
      return because === undefined ? line : `${line}: ${because}`
    }),
    '',
  ].join('\n')
}

function toolNamed(tools: readonly Tool[], name: string): Tool {
  const tool = tools.find((candidate) => candidate.name === name)
  if (tool !== undefined) return tool
  const close = nearest(
    name,
    tools.map((candidate) => candidate.name),
  )
  throw new GatewayError('unknown_tool', `no tool ${JSON.stringify(name)}`, {
    hint: close === undefined ? 'tailops call lists the tools' : `did you mean ${close}?`,
  })
}

function targetsOf({ targets }: PolicyAtHand, tool: Tool, id: string | undefined): readonly Target[] {
  const found = targets.filter((target) => worksOn(tool, target.kind) && (id === undefined || target.id === id))
  if (found.length > 0) return found
  const which = id === undefined ? 'no target' : `${JSON.stringify(id)} is no target`
  throw new GatewayError('unknown_target', `${which} of kind ${tool.targets.join(' or ')} in targets.yaml`, {
    hint: 'tailops call list_targets shows them',
  })
}

/** @throws GatewayError invalid_input */
function timeOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const at = new Date(text)
  if (!Number.isNaN(at.getTime())) return at
  throw new GatewayError('invalid_input', `--at=${text} is no time`, { hint: 'write it as 2026-01-31T08:00:00Z' })
}

const listOf = (text: string | undefined): readonly string[] =>
  text
    ?.split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '') ?? []

/** Who is asked about; a login without scopes of ours holds none, everybody else all. @throws GatewayError invalid_input */
function callerOf({ as, login, groups, tags, scopes }: ExplainOptions, user: string): Caller {
  const words = listOf(scopes)
  const strange = words.find((word) => expandCapabilities([word]).length === 0 && !isCapability(word))
  if (strange !== undefined)
    throw new GatewayError('invalid_input', `${JSON.stringify(strange)} is no capability`, {
      hint: 'docs/policy.md lists them',
    })
  const held = scopes === undefined ? undefined : expandCapabilities(words)
  const isLogin = login !== undefined || groups !== undefined || tags !== undefined
  if (!isLogin) return { id: as ?? user, scopes: held ?? capabilities }
  const givesScopes = held !== undefined
  const proof = { kind: 'oidc', login, groups: listOf(groups), tags: listOf(tags), givesScopes } as const
  return { id: as ?? `oidc:${login ?? 'somebody'}`, scopes: held ?? [], proof }
}

import { z } from 'zod'
import { expandCapabilities, isCapability } from '../core/capability.ts'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { policyReply, targetsReply, toolsReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { decide } from '../core/policy.ts'
import { jsonOf } from '../core/reply.ts'
import { defaultConstraints, targetKinds } from '../core/target.ts'
import { defineTool, worksOn } from '../core/tool.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'
import { nearest } from '../lib/nearest.ts'

export default defineTool({
  name: 'explain_policy',
  description: 'Would your call be allowed, need approval or be denied: by which rule, and what would change that?',
  capability: 'gateway:read',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    tool: z.string().max(80),
    target: z.string().max(200).optional().describe('left out: every target of its kinds'),
  }),
  output: z.object({
    tool: z.string(),
    risk: z.string().describe('at most'),
    answers: z.array(
      z.object({
        target: z.string(),
        effect: z.string(),
        rule: z.string(),
        reason: z.string(),
        hint: z.string().optional(),
      }),
    ),
  }),
  async run({ tool: name, target }, context) {
    const { tools, targets, policy } = await known(context)
    const tool = tools.find((candidate) => candidate.name === name)
    if (tool === undefined) throw unknownTool(name, tools)
    const fitting = targets.filter(
      ({ id, kind }) => worksOn(tool, kindOf(kind)) && (target === undefined || id === target),
    )
    if (fitting.length === 0) {
      const which = target === undefined ? 'no target' : `${JSON.stringify(target)} is no target`
      throw new GatewayError('unknown_target', `${which} of kind ${tool.targets.join(' or ')}`, {
        hint: 'list_targets shows them',
      })
    }
    const answers = fitting.map(({ id, kind, capabilities }) => {
      const capability =
        typeof tool.capability === 'string'
          ? tool.capability
          : (tool.capability[kind] ?? tool.capability[kind === 'guest' ? 'ssh' : kind])
      if (capability === undefined || !isCapability(capability))
        return { target: id, effect: 'allow', rule: 'origin', reason: 'as the call that made its handle', hint: '' }
      const asked = {
        id,
        kind: kindOf(kind),
        tags: [],
        capabilities: expandCapabilities(capabilities),
        constraints: defaultConstraints,
      }
      const question = {
        at: context.now,
        caller: context.caller,
        tool: name,
        capability,
        risk: tool.risk,
        target: asked,
      }
      const { effect, rule, reason, hint } = decide(policy, question)
      return { target: id, effect, rule, reason, hint: hint ?? hints[effect] }
    })
    return { tool: name, risk: tool.risk, answers: withoutEmptyColumns(answers) }
  },
})

/** What would change an answer that no grant or scope explains; risk is what the tool can do at most. */
const hints = {
  allow: '',
  approve:
    'tailops approvals approve ID, once the call has asked; a call that only reads or can do less than the risk shown may need none',
  deny: 'the operator can change that rule',
} as const

function unknownTool(name: string, tools: readonly { readonly name: string }[]): GatewayError {
  const close = nearest(
    name,
    tools.map((tool) => tool.name),
  )
  return new GatewayError('unknown_tool', `no tool ${JSON.stringify(name)}`, {
    hint: close === undefined ? 'tools/list shows what there is' : `did you mean ${close}?`,
  })
}

async function known({ read }: Context) {
  const [tools, targets, policy] = await Promise.all([read(get('/tools')), read(get('/targets')), read(get('/policy'))])
  return {
    tools: jsonOf(tools, toolsReply, 'the list of tools'),
    targets: jsonOf(targets, targetsReply, 'the list of targets'),
    policy: jsonOf(policy, policyReply, 'the policy'),
  }
}

const kindOf = (kind: string) => targetKinds.find((known) => known === kind) ?? 'local'

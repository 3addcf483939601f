import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { decisionsReply, toolsReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
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
    arguments: z.record(z.string(), z.unknown()).optional().describe('of the call; left out: any'),
  }),
  output: z.object({
    tool: z.string(),
    risk: z.string().describe('at most; with arguments, of this call'),
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
  async run({ tool: name, target, arguments: given }, context) {
    const tools = jsonOf(await context.read(get('/tools')), toolsReply, 'the list of tools')
    const tool = tools.find((candidate) => candidate.name === name)
    if (tool === undefined) throw unknownTool(name, tools)
    const found = await decisions(context, { caller: context.caller, tool: name, target, arguments: given })
    const [first] = found
    if (first === undefined) {
      const which = target === undefined ? 'no target' : `${JSON.stringify(target)} is no target`
      throw new GatewayError('unknown_target', `${which} of kind ${tool.targets.join(' or ')}`, {
        hint: 'list_targets shows them',
      })
    }
    const answers = found.map(({ target: id, effect, rule, reason, changes = [] }) => {
      const more = effect === 'approve' && given === undefined ? [mayBeLess] : []
      return { target: id, effect, rule, reason, hint: [...changes, ...more].join('; ') }
    })
    return { tool: name, risk: first.risk ?? tool.risk, answers: withoutEmptyColumns(answers) }
  },
})

const mayBeLess = 'a call that only reads or can do less than the risk shown may need none'

function unknownTool(name: string, tools: readonly { readonly name: string }[]): GatewayError {
  const close = nearest(
    name,
    tools.map((tool) => tool.name),
  )
  return new GatewayError('unknown_tool', `no tool ${JSON.stringify(name)}`, {
    hint: close === undefined ? 'tools/list shows what there is' : `did you mean ${close}?`,
  })
}

async function decisions({ read }: Context, ask: Readonly<Record<string, unknown>>) {
  const reply = await read(get(`/decisions?ask=${encodeURIComponent(JSON.stringify(ask))}`))
  return jsonOf(reply, decisionsReply, 'the decisions')
}

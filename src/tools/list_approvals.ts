import { z } from 'zod'
import { approvalsReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'list_approvals',
  description: 'Your changes that wait for a person’s approval, or had one.',
  capability: 'gateway:read',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    state: z.enum(['pending', 'approved', 'denied', 'used', 'expired']).optional(),
    limit: z.number().int().min(1).max(100).default(20),
  }),
  output: z.object({
    approvals: z.array(
      z.object({
        id: z.string(),
        state: z.string(),
        tool: z.string(),
        targets: z.string(),
        summary: z.string(),
        asked: z.string(),
        ends_in: z.string().optional(),
        decided_by: z.string().optional(),
      }),
    ),
  }),
  async run({ state, limit }, { caller, now, read }) {
    const query = new URLSearchParams({ caller: caller.id, limit: String(limit), ...(state && { state }) })
    const found = jsonOf(await read(get(`/approvals?${query}`)), approvalsReply, 'the list of approvals')
    const rows = found.map((approval) => ({
      id: approval.id,
      state: approval.state,
      tool: approval.tool,
      targets: approval.targets.join(' '),
      summary: approval.summaries.join('; ').slice(0, 300),
      asked: `${ageOf(approval.created_at, now)} ago`,
      ends_in: /^(pending|approved)$/.test(approval.state) ? ageOf(now, approval.expires_at) : '',
      decided_by: approval.decided_by ?? '',
    }))
    return { approvals: withoutEmptyColumns(rows) }
  },
})

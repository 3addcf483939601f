import { z } from 'zod'
import { auditReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { momentOf } from '../formats/ages.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

const word = z.string().max(200).optional()

export default defineTool({
  name: 'get_audit_log',
  description: 'The newest calls of all callers and how they ended, refused ones too.',
  capability: 'gateway:read',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    limit: z.number().int().min(1).max(200).default(20),
    tool: word,
    target: word,
    caller: word,
    result: word.describe('done, denied, failed …'),
    events: z.enum(['ends', 'all']).default('ends'),
  }),
  output: z.object({
    records: z
      .array(
        z.object({
          seq: z.number(),
          at: z.string(),
          event: z.string().optional(),
          caller: z.string(),
          tool: z.string().optional(),
          targets: z.string().optional(),
          step: z.string().optional(),
          result: z.string().optional(),
          decision: z.string().optional(),
          reason: z.string().optional(),
        }),
      )
      .describe('oldest first, UTC'),
  }),
  async run({ limit, events, ...filter }, { read }) {
    const given = Object.entries(filter).filter((pair): pair is [string, string] => pair[1] !== undefined)
    const query = new URLSearchParams([...given, ['limit', String(limit)], ['events', events]])
    const found = jsonOf(await read(get(`/audit?${query}`)), auditReply, 'the audit log')
    const rows = found.map(({ seq, at, event, caller, tool, targets, result, decision, reason, step }) => ({
      seq,
      at: momentOf(at),
      event: events === 'ends' && event === 'finished' ? '' : event,
      caller,
      tool: tool ?? '',
      targets: step?.target ?? (targets ?? []).join(' '),
      step: step === undefined ? '' : `${step.phase} ${step.index + 1}`,
      result: result ?? step?.end ?? '',
      decision: decision?.startsWith('allow:') === true ? '' : (decision ?? ''),
      reason: (reason ?? '').slice(0, 200),
    }))
    return { records: withoutEmptyColumns(rows) }
  },
})

import { z } from 'zod'
import { auditReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { momentOf } from '../formats/ages.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

const word = z.string().max(200).optional()

/** Records of one change stand between two ends of calls; so many are looked at for each end that is shown. */
const recordsPerEnd = 8

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
          result: z.string().optional(),
          decision: z.string().optional(),
          reason: z.string().optional(),
        }),
      )
      .describe('oldest first, UTC'),
  }),
  async run({ limit, events, ...filter }, { read }) {
    const most = events === 'all' ? limit : limit * recordsPerEnd
    const given = Object.entries(filter).filter((pair): pair is [string, string] => pair[1] !== undefined)
    const query = new URLSearchParams([...given, ['limit', String(most)]])
    const found = jsonOf(await read(get(`/audit?${query}`)), auditReply, 'the audit log')
    const rows = found
      .filter(({ event }) => events === 'all' || !/^(started|step_)/.test(event))
      .slice(-limit)
      .map(({ seq, at, event, caller, tool, targets, result, decision, reason }) => ({
        seq,
        at: momentOf(at),
        event: event === 'finished' ? '' : event,
        caller,
        tool: tool ?? '',
        targets: (targets ?? []).join(' '),
        result: result ?? '',
        decision: decision?.startsWith('allow:') === true ? '' : (decision ?? ''),
        reason: (reason ?? '').slice(0, 200),
      }))
    return { records: withoutEmptyColumns(rows) }
  },
})

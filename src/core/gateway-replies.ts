import { z } from 'zod'

/** What the target `gateway` answers, as far as tools use it. */

const text = z.string()

/** GET /targets */
export const targetsReply = z.array(
  z.object({
    id: text,
    kind: text,
    tags: z.array(text),
    capabilities: z.array(text),
    segment: text.optional(),
    cluster: text.optional(),
    last_contact: z.object({ at: z.coerce.date(), reached: z.boolean(), error: text.optional() }).optional(),
  }),
)

/** GET /approvals */
export const approvalsReply = z.array(
  z.object({
    id: text,
    state: text,
    tool: text,
    risk: text,
    targets: z.array(text),
    summaries: z.array(text),
    created_at: z.coerce.date(),
    expires_at: z.coerce.date(),
    decided_by: text.optional(),
  }),
)

/** GET /audit */
export const auditReply = z.array(
  z.object({
    seq: z.number(),
    at: text,
    call: text,
    event: text,
    caller: text,
    tool: text.optional(),
    targets: z.array(text).optional(),
    result: text.optional(),
    reason: text.optional(),
    decision: text.optional(),
    step: z.object({ target: text, index: z.number(), phase: text, end: text.optional() }).optional(),
  }),
)

/** GET /outputs/HANDLE */
export const outputReply = z.object({
  text,
  total_bytes: z.number(),
  next: z.number().optional(),
  discarded_bytes: z.number().optional(),
})

/** GET /health */
export const healthReply = z.object({
  version: text,
  uptime_s: z.number(),
  config: text,
  loaded_at: z.coerce.date(),
  warnings: z.number(),
  audit_writable: z.boolean(),
  audit_records: z.number(),
  running_changes: z.number(),
})

/** GET /tools */
export const toolsReply = z.array(
  z.object({
    name: text,
    risk: z.enum(['read', 'probe', 'write', 'destructive']),
    capability: z.union([text, z.record(text, text)]),
    targets: z.array(text),
  }),
)

/** GET /policy */
export const policyReply = z.object({
  rules: z.array(
    z.object({
      id: text,
      effect: z.enum(['allow', 'approve', 'deny']),
      tools: z.array(text).optional(),
      risks: z.array(z.enum(['read', 'probe', 'write', 'destructive'])).optional(),
    }),
  ),
})

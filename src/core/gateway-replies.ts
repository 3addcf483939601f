import { z } from 'zod'
import { resourceKinds } from './fleet.ts'

/** What the target `gateway` answers, as far as tools use it. */

const text = z.string()

/** GET /targets */
export const targetsReply = z.array(
  z.object({
    id: text,
    alias: text.optional(),
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
  gateway: z
    .object({ id: text.optional(), name: text.optional(), segment: text.optional(), problem: text.optional() })
    .optional(),
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

/** GET /decisions */
export const decisionsReply = z.array(
  z.object({
    target: text,
    risk: z.enum(['read', 'probe', 'write', 'destructive']).optional(),
    effect: z.enum(['allow', 'approve', 'deny']),
    rule: text,
    reason: text,
    changes: z.array(text).optional(),
  }),
)

const fact = z.union([text, z.number(), z.boolean(), z.array(text)])
const kind = z.enum(resourceKinds)

const fleetSource = z
  .object({
    source: text,
    health: z.enum(['up', 'degraded', 'unreachable', 'unknown']),
    since: z.coerce.date(),
    tried_at: z.coerce.date(),
    seen_at: z.coerce.date().optional(),
    complete: z.boolean(),
    gaps: z.array(text),
    error: text.optional(),
    failures: z.number(),
  })
  .transform(({ tried_at: triedAt, seen_at: seenAt, ...same }) => ({ ...same, triedAt, seenAt }))

/** GET /fleet */
export const fleetReply = z.object({
  epoch: text,
  newest: z.number(),
  sources: z.array(fleetSource),
  resources: z.array(
    z
      .object({
        id: text,
        kind,
        source: text,
        facts: z.record(text, fact),
        use: z.record(text, z.number()),
        seen_at: z.coerce.date(),
        since: z.coerce.date(),
      })
      .transform(({ seen_at: seenAt, ...same }) => ({ ...same, seenAt })),
  ),
})

/** GET /fleet/findings */
export const findingsReply = z.record(
  text,
  z.record(text, z.object({ at: z.coerce.date(), data: z.json().optional(), error: text.optional() })),
)

/** GET /fleet/changes */
export const changesReply = z.object({
  epoch: text,
  oldest: z.number(),
  newest: z.number(),
  changes: z.array(
    z.object({
      seq: z.number(),
      at: z.coerce.date(),
      id: text,
      /** As it is called now; left out when it is gone. */
      name: fact.optional(),
      kind,
      what: z.enum(['created', 'deleted', 'changed']),
      fields: z.record(text, z.tuple([fact.nullable(), fact.nullable()])),
      cause: text.optional(),
    }),
  ),
  sources: z.array(fleetSource),
})

/** POST gateway:/discovery: how each look ended. */
export const looksReply = z.array(
  z.object({ source: text, changes: z.number(), gaps: z.array(text), error: text.optional() }),
)

import { z } from 'zod'
import { resourceKinds } from '../core/fleet.ts'
import type { Finding } from '../core/fleet-ports.ts'
import { json, optional, time } from './columns.ts'

const fact = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])
const kind = z.enum(resourceKinds)

export const meta = z.object({ value: z.string() })
export const newest = z.object({ seq: z.number() })
export const oldest = z.object({ seq: optional(z.number()) })
export const watch = z.object({ owner: z.string(), until: z.number() })

export const resource = z
  .object({
    id: z.string(),
    source: z.string(),
    kind,
    facts: json(z.record(z.string(), fact)),
    use: json(z.record(z.string(), z.number())),
    seen_at: time,
    since: time,
  })
  .transform(({ seen_at: seenAt, ...same }) => ({ ...same, seenAt }))

export const source = z
  .object({
    source: z.string(),
    tried_at: time,
    seen_at: optional(time),
    complete: z.number().transform((flag) => flag === 1),
    gaps: json(z.array(z.string())),
    error: optional(z.string()),
    health: z.enum(['up', 'degraded', 'unreachable', 'unknown']),
    since: time,
    failures: z.number(),
  })
  .transform(({ tried_at: triedAt, seen_at: seenAt, ...same }) => ({ ...same, triedAt, seenAt }))

export const change = z.object({
  seq: z.number(),
  at: time,
  id: z.string(),
  kind,
  what: z.enum(['created', 'deleted', 'changed']),
  fields: json(z.record(z.string(), z.tuple([fact.nullable(), fact.nullable()]))),
  cause: optional(z.string()),
})

export const finding = z
  .object({ name: z.string(), at: time, data: optional(json(z.json())), error: optional(z.string()) })
  .transform(({ name, ...found }): readonly [string, Finding] => [name, found])

import { z } from 'zod'
import type { Plan, RestorePoint, Step } from '../core/plan.ts'
import type { ScriptName } from '../core/script-name.ts'
import { parseJson } from '../lib/json.ts'

/** A column that may be NULL: its value or undefined. */
export const optional = <S extends z.ZodType>(column: S) =>
  column.nullable().transform((value) => (value === null ? undefined : value))

/** A column that holds a time in milliseconds. */
export const time = z.number().transform((ms) => new Date(ms))

/** A column that holds JSON of this shape. */
export const json = <S extends z.ZodType>(shape: S) => z.string().transform(parseJson).pipe(shape)

const common = {
  stdin: z.string().optional(),
  asRoot: z.boolean().optional(),
  timeoutMs: z.number().optional(),
  on: z.string().optional(),
}

const operation = z.discriminatedUnion('kind', [
  z.object({ ...common, kind: z.literal('command'), argv: z.tuple([z.string()], z.string()) }),
  z.object({
    ...common,
    kind: z.literal('request'),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
    path: z.string(),
    body: z.unknown().optional(),
  }),
  z.object({
    ...common,
    kind: z.literal('script'),
    name: z.custom<ScriptName>((name) => typeof name === 'string' && /^(read|write)\//.test(name)),
    args: z.array(z.string()),
  }),
])

const until = z.object({ read: operation, path: z.string(), equals: z.json(), withinMs: z.number() })

/** Every field of a step and a plan: one that stood here not would be forgotten by a restart. */
const step = z.object({
  do: operation,
  undo: operation.optional(),
  undoUntil: until.optional(),
  undoesLater: z.boolean().optional(),
  until: until.optional(),
  interruptible: z.boolean().optional(),
} satisfies Record<keyof Step, z.ZodType>)

const plan = z.object({
  summary: z.string(),
  basis: z.record(z.string(), z.json()),
  steps: z.array(step),
  preview: z.string().optional(),
  restorePoint: z
    .object({
      cluster: z.string(),
      vmid: z.number(),
      title: z.string(),
      snapshot: z.string(),
      checks: z.number(),
    } satisfies Record<keyof RestorePoint, z.ZodType>)
    .optional(),
} satisfies Record<keyof Plan, z.ZodType>)

/** A column that holds the plans of an approval or a job. */
export const plans = json(z.array(z.object({ target: z.string(), plan })))

/** A column that holds what an operation returned. */
export const outcome = json(
  z.object({
    ok: z.boolean(),
    status: z.number(),
    output: z.string(),
    errorOutput: z.string(),
    truncated: z.boolean(),
    durationMs: z.number(),
  }),
)

import { z } from 'zod'
import type { AuditFilter, AuditRecord, StepEnd } from '../core/ports.ts'
import { parseJson } from '../lib/json.ts'
import { sealOf } from './audit-chain.ts'
import { type AuditFile, linesBackward } from './audit-lines.ts'

type Numbered = AuditRecord & { readonly seq: number }

const isText = (value: unknown): boolean => typeof value === 'string'

const record = z.object({
  seq: z.number(),
  at: z.string(),
  call: z.string(),
  event: z.enum([
    'started',
    'step_started',
    'step_ref',
    'step_ended',
    'finished',
    'reconciled',
    'approval',
    'session',
    'limited',
    'alert',
    'forged',
    'freeze',
    'unfreeze',
    'gateway',
  ]),
  caller: z.string(),
  tool: z.string().optional(),
  targets: z.array(z.string()).optional(),
  risk: z.enum(['read', 'probe', 'write', 'destructive']).optional(),
  decision: z.string().optional(),
  input: z.json().optional(),
  plan: z.string().optional(),
  approval: z.string().optional(),
  step: z
    .object({
      target: z.string(),
      index: z.number(),
      phase: z.enum(['do', 'undo']),
      what: z.string().optional(),
      ref: z.string().optional(),
      end: z.custom<StepEnd>(isText).optional(),
    })
    .optional(),
  result: z.custom<NonNullable<AuditRecord['result']>>(isText).optional(),
  reason: z.string().optional(),
  durationMs: z.number().optional(),
})

/** How far back a search goes that finds too little. */
const searchedBytes = 64 * 2 ** 20

/** The newest fitting records, oldest first; read from the end. Lines whose seal is broken are passed over. */
export function tailAudit(files: readonly AuditFile[], filter: AuditFilter): readonly Numbered[] {
  const found: Numbered[] = []
  let searched = 0
  for (const file of files.toReversed()) {
    for (const { bytes, whole } of linesBackward(file)) {
      if (found.length >= filter.limit || searched > searchedBytes) return found.reverse()
      searched += bytes.length
      if (!whole || sealOf(bytes)?.holds !== true) continue
      const parsed = record.safeParse(parseJson(bytes.toString('utf8')))
      if (parsed.success && fits(parsed.data, filter)) found.push(parsed.data)
    }
  }
  return found.reverse()
}

function fits(found: Numbered, { caller, tool, target, result }: AuditFilter): boolean {
  if (caller !== undefined && found.caller !== caller) return false
  if (tool !== undefined && found.tool !== tool) return false
  if (result !== undefined && found.result !== result) return false
  return target === undefined || found.step?.target === target || found.targets?.includes(target) === true
}

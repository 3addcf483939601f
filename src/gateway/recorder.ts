import type { ErrorCode } from '../core/errors.ts'
import type { AuditRecord, CallStatus } from '../core/ports.ts'
import { sha256 } from '../lib/digest.ts'
import type { Json } from '../lib/json.ts'
import type { Gateway } from './gateway.ts'
import { placeOf } from './places.ts'
import type { Call, Granted } from './request.ts'

/** Writes the audit records of one call. What is learned on the way goes into every later record. */
export interface Recorder {
  /** Id of the call. */
  readonly call: string
  input(input: unknown): void
  decided(granted: readonly Granted[]): void
  started(more: Partial<AuditRecord>): Promise<void>
  step(event: 'step_started' | 'step_ref' | 'step_ended', more: Partial<AuditRecord>): Promise<void>
  finished(result: CallStatus | ErrorCode, reason?: string): Promise<void>
}

export function recorder(gateway: Gateway, request: Call): Recorder {
  const { audit, clock } = gateway
  const call = gateway.newId()
  const began = clock.elapsedMs()
  let known: Partial<AuditRecord> = { tool: request.tool.name, targets: request.targets, approval: request.approval }
  // What was begun on disk ends on disk; what only reads waits for no disk.
  let isBegun = false
  const append = (event: AuditRecord['event'], more: Partial<AuditRecord>, durable: boolean) =>
    audit.append(
      { at: clock.now().toISOString(), call, event, caller: request.caller.id, ...known, ...more },
      { durable },
    )
  return {
    call,
    input(input) {
      known = { ...known, input: recordable(input) }
    },
    decided(granted) {
      known = { ...known, ...summaryOf(granted) }
    },
    started(more) {
      isBegun = true
      return append('started', more, true)
    },
    step: (event, { step, reason }) =>
      audit.append(
        { at: clock.now().toISOString(), call, event, caller: request.caller.id, step, reason },
        { durable: true },
      ),
    finished: (result, reason) =>
      append('finished', { result, reason, durationMs: Math.round(clock.elapsedMs() - began) }, isBegun),
  }
}

function summaryOf(granted: readonly Granted[]): Partial<AuditRecord> {
  const [first] = granted
  return {
    targets: granted.map((one) => placeOf(one).id),
    risk: first?.risk,
    decision: [...new Set(granted.map(({ decision }) => `${decision.effect}:${decision.rule}`))].join(' '),
  }
}

const secretKey = /pass(word|phrase)?|secret|token|api_?key|authorization/i

/** Arguments as the log keeps them: long strings by digest, values under secret-looking names as marks. */
export function recordable(value: unknown, key = ''): Json {
  if (typeof value === 'string' && secretKey.test(key)) return '[redacted]'
  if (typeof value === 'string' && value.length > 200) return `sha256:${sha256(value)} (${value.length} characters)`
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => recordable(item))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, recordable(field, name)]))
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
}

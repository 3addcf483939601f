import type { Approvals, AuditLog, Journal, Targets } from '../core/ports.ts'
import type { Policy } from '../core/policy.ts'
import type { Caller } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import type { CallResult } from './result.ts'

/** Everything a call goes through, for one loaded configuration. */
export interface Gateway {
  readonly targets: Targets
  readonly policy: Policy
  readonly approvals: Approvals
  readonly audit: AuditLog
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Logger
  readonly version: string
}

/** One call of one tool, arguments not yet parsed. */
export interface Call {
  readonly tool: Tool
  readonly targets?: readonly string[] | undefined
  readonly input: unknown
  readonly caller: Caller
  readonly signal: AbortSignal
  readonly dryRun?: boolean | undefined
  readonly approval?: string | undefined
  readonly requestId?: string | undefined
  readonly batch?: { readonly size: number; readonly max_failures: number } | undefined
  progress?(message: string): void
}

/**
 * The one path of a call: parse, resolve, decide, then read; or plan, approve, record, perform.
 * @throws GatewayError with every listed code
 */
export async function call(gateway: Gateway, request: Call): Promise<CallResult> {
  throw new TypeError(`${gateway.version} ${request.tool.name}`)
}

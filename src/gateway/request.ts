import type { z } from 'zod'
import type { Decision } from '../core/policy.ts'
import type { Caller, Target } from '../core/target.ts'
import type { Action, Query, Risk, Tool } from '../core/tool.ts'

/** One call of one tool, arguments not yet parsed. */
export interface Call {
  readonly tool: Tool
  readonly targets?: readonly string[] | undefined
  /** Of a tool for Proxmox: the one meant, where it is not to be found out. */
  readonly cluster?: string | undefined
  readonly input: unknown
  readonly caller: Caller
  readonly signal: AbortSignal
  readonly dryRun?: boolean | undefined
  readonly approval?: string | undefined
  readonly requestId?: string | undefined
  readonly batch?: Batch | undefined
  /** Snapshot the guest that is changed, and go back to it when the change fails. */
  readonly snapshotFirst?: boolean | undefined
  progress?(message: string): void
}

/** A change on many targets: so many at a time, no further ones after so many failures. */
export interface Batch {
  readonly size: number
  readonly max_failures: number
}

/** A target of a call and what policy says about this call on it. */
export interface Granted {
  readonly target: Target
  /** The vmid of one guest, of a change that names several. */
  readonly guest?: number | undefined
  readonly decision: Decision
  readonly risk: Risk
}

/** A query whose arguments are parsed and whose targets are decided. */
export interface QueryCall extends Call {
  readonly tool: Query
  readonly input: z.output<Tool['input']>
  readonly granted: readonly Granted[]
}

/** An action whose arguments are parsed and whose targets are decided. */
export interface ChangeCall extends Call {
  readonly tool: Action
  readonly input: z.output<Tool['input']>
  readonly granted: readonly Granted[]
}

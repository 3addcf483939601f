import type { Json } from '../lib/json.ts'
import type { ErrorCode } from './errors.ts'
import type { Executor } from './executor.ts'
import type { Outcome } from './operation.ts'
import type { TargetPlan } from './plan.ts'
import type { ApprovalTerms } from './policy-model.ts'
import type { Caller, Target } from './target.ts'
import type { Risk } from './tool.ts'

/** What the gateway needs from the world; floor 2 provides it, app.ts joins them. */

/** The targets of one configuration and what performs on them. */
export interface Targets {
  readonly all: readonly Target[]
  executor(target: Target): Executor
}

/** Plans that wait for a person. Every change of state is one atomic statement: two processes may share the store. */
export interface Approvals {
  /** Keeps a plan for approval. The same caller asking for the same open digest on the same terms again gets the same id. */
  request(ask: ApprovalRequest): Approval
  /** Consumes a granted approval of exactly this digest, once. @throws GatewayError approval_invalid */
  claim(id: string, digest: string, caller: string): void
  find(id: string): Approval | undefined
  /** Newest first. */
  list(filter: {
    readonly caller?: string
    readonly state?: ApprovalState
    readonly limit: number
  }): readonly Approval[]
}

export type ApprovalState = 'pending' | 'approved' | 'denied' | 'used' | 'expired'

export interface ApprovalRequest {
  readonly digest: string
  readonly tool: string
  readonly caller: string
  readonly risk: Risk
  readonly plans: readonly TargetPlan[]
  /** What policy asks of the approval. */
  readonly terms?: readonly ApprovalTerms[] | undefined
}

export interface Approval extends ApprovalRequest {
  /** Short and unguessable: `k7w2m9xq`. */
  readonly id: string
  readonly state: ApprovalState
  readonly createdAt: Date
  readonly expiresAt: Date
  /** Who approved or denied it: `cli:0 (root)`. */
  readonly decidedBy?: string | undefined
}

/** Remembers every call; a hash chain over JSON Lines. */
export interface AuditLog {
  /** Resolves when the record is written, with `durable` when it is on disk. @throws GatewayError state_unavailable */
  append(record: AuditRecord, options?: { readonly durable?: boolean }): Promise<void>
  /** The newest records, oldest first. */
  tail(filter: AuditFilter): readonly (AuditRecord & { readonly seq: number })[]
}

export interface AuditFilter {
  readonly limit: number
  readonly caller?: string | undefined
  readonly tool?: string | undefined
  readonly target?: string | undefined
  readonly result?: string | undefined
}

export interface AuditRecord {
  /** RFC 3339, UTC. */
  readonly at: string
  /** Id of the call; all records of one call share it. */
  readonly call: string
  readonly event:
    | 'started'
    | 'step_started'
    | 'step_ref'
    | 'step_ended'
    | 'finished'
    | 'reconciled'
    | 'approval'
    | 'session'
    | 'limited'
    | 'alert'
    | 'forged'
    | 'freeze'
    | 'unfreeze'
    | 'gateway'
  readonly caller: string
  readonly tool?: string | undefined
  readonly targets?: readonly string[] | undefined
  readonly risk?: Risk | undefined
  /** Effect and rule of the policy: `approve:default-changes`. */
  readonly decision?: string | undefined
  /** Arguments, with long strings replaced by their digest and secrets by marks. */
  readonly input?: Json | undefined
  readonly plan?: string | undefined
  readonly approval?: string | undefined
  readonly step?: StepMark | undefined
  readonly result?: CallStatus | ErrorCode | undefined
  readonly reason?: string | undefined
  readonly durationMs?: number | undefined
}

/** Which step a record is about: target, index from 0, do or undo, and its end where it has one. */
export interface StepMark {
  readonly target: string
  readonly index: number
  readonly phase: 'do' | 'undo'
  readonly what?: string | undefined
  readonly ref?: string | undefined
  readonly end?: StepEnd | undefined
}

export type CallStatus =
  | 'done'
  | 'planned'
  | 'approval_required'
  | 'running'
  | 'failed'
  | 'partial'
  | 'unknown'
  | 'cancelled'

/** How a step stands: `undone` was done and taken back; `undo_failed` was done, and taking it back failed. */
export type StepEnd = 'not_begun' | 'running' | 'done' | 'failed' | 'unknown' | 'undone' | 'undo_failed' | 'cancelled'

/** The durable record of every change while it is performed and for a day after. */
export interface Journal {
  /** Durable when it returns. @throws GatewayError invalid_input if the caller used the request id for another call */
  open(job: NewJob): void
  /** Durable when it returns. */
  step(jobId: string, step: JobStep): void
  finish(jobId: string, end: JobEnd): void
  find(jobId: string): Job | undefined
  findRequest(caller: string, requestId: string): Job | undefined
  /** Takes over unfinished jobs whose process is gone; each is given to one process only. */
  adoptOrphans(): readonly Job[]
}

export interface NewJob {
  readonly id: string
  readonly caller: string
  readonly tool: string
  readonly input: Json
  readonly requestId?: string | undefined
  /** Digest of tool, targets and arguments: what a repeated request id must agree with. */
  readonly requestDigest: string
  readonly plans: readonly TargetPlan[]
  readonly startedAt: Date
}

export interface Job extends NewJob {
  readonly steps: readonly JobStep[]
  readonly end?: JobEnd | undefined
}

export interface JobStep {
  readonly target: string
  readonly index: number
  readonly phase: 'do' | 'undo'
  readonly state: StepEnd
  readonly at: Date
  readonly ref?: string | undefined
  readonly outcome?: Outcome | undefined
  /** What went wrong, for people. */
  readonly note?: string | undefined
}

export interface JobEnd {
  readonly status: CallStatus
  readonly at: Date
  readonly result: Json
}

/** What was cut from an answer, for its caller, for an hour. Redacted before it is stored. */
export interface Outputs {
  /** Returns the handle. */
  put(output: {
    readonly text: string
    readonly caller: string
    readonly tool: string
    readonly targets: readonly string[]
  }): string
  find(handle: string): StoredOutput | undefined
}

export interface StoredOutput {
  readonly text: string
  readonly caller: string
  readonly tool: string
  readonly targets: readonly string[]
  /** Bytes that did not fit into the store's limit and are gone. */
  readonly discardedBytes: number
}

/** Keys of hosts that were trusted on first contact (`accept_new`), and are held to ever since. */
export interface HostKeys {
  /** `SHA256:…`, as `ssh-keygen -lf` prints it. */
  get(target: string): string | undefined
  /** Durable when it returns. The first one stays: another process may have been faster. */
  set(target: string, fingerprint: string): void
}

/** What proves a caller over HTTP. */
export interface Tokens {
  /** Undefined for an unknown, expired or revoked token. */
  verify(token: string): { readonly caller: Caller; readonly expiresAt: Date } | undefined
}

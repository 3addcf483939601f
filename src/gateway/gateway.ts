import type { Brake } from '../core/brake.ts'
import type { OwnChange } from '../core/fleet.ts'
import type { FleetStore } from '../core/fleet-ports.ts'
import type { Policy } from '../core/policy.ts'
import type { Approvals, AuditLog, Journal, Outputs, Targets } from '../core/ports.ts'
import type { Tool } from '../core/tool.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import type { Jobs } from './jobs.ts'

/** Everything a call goes through, for one loaded configuration. */
export interface Gateway {
  readonly tools: readonly Tool[]
  readonly targets: Targets
  readonly policy: Policy
  readonly approvals: Approvals
  /** Asked before every change, and before every step of one. */
  readonly brake: Brake
  readonly audit: AuditLog
  readonly journal: Journal
  readonly outputs: Outputs
  readonly fleet: FleetStore
  /** Changes that this process performs; shared by all configurations it loads. */
  readonly jobs: Jobs
  readonly clock: Clock
  readonly log: Logger
  /** Part of every digest: a plan approved under one version is not performed by another. */
  readonly version: string
  newId(): string
  /** Hears of every change that begins. What it returns is told of the end, and resolves when the fleet was looked at. */
  changing?(changes: readonly OwnChange[]): () => Promise<void>
}

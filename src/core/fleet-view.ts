import type { Resource, SourceState } from './fleet.ts'
import type { Findings } from './fleet-ports.ts'

/** How bad: something is down, will soon be, could be, or is merely untidy. */
export const severities = ['critical', 'high', 'medium', 'low'] as const
export type Severity = (typeof severities)[number]

/** Something that a person should look at, with what shows it. */
export interface Problem {
  readonly severity: Severity
  /** Id of the resource or source, or several with spaces between. */
  readonly where: string
  readonly problem: string
  readonly evidence: string
}

/** All that is known of the fleet. */
export interface FleetView {
  readonly now: Date
  readonly sources: readonly SourceState[]
  readonly resources: readonly Resource[]
  findings(source: string): Findings | undefined
}

/** From when on something counts as a problem. */
export interface Thresholds {
  readonly backupDays: number
  readonly certificateDays: number
  readonly fullPct: number
}

/** What one part of triage found. */
export interface Triaged {
  readonly problems: readonly Problem[]
  readonly unmeasured: readonly string[]
}

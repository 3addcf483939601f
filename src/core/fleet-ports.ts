import type { Json } from '../lib/json.ts'
import type { FleetChange, Resource, SourceState } from './fleet.ts'

/** The consolidated state of the fleet, on disk. Several processes may share it. */
export interface FleetStore {
  /** Made with the store: cursors of another one mean nothing here. */
  readonly epoch: string
  /** Grows with every change of anything in it, by any process. */
  version(): number
  resources(): readonly Resource[]
  /** The resources of one source. */
  resourcesOf(source: string): readonly Resource[]
  find(id: string): Resource | undefined
  sources(): readonly SourceState[]
  /** What slower looks found of a source: backups, failed tasks, certificates. */
  findings(source: string): Findings | undefined
  /** All of it or nothing: `decide` sees the source as it is now and says what becomes of it. Returns the changes that were kept. */
  update(source: string, decide: (before: SourceNow) => FleetUpdate): readonly KeptChange[]
  keepFindings(source: string, findings: Findings): void
  /** Forgets a source that is no longer configured, with its resources. */
  forget(source: string, at: Date): void
  /** Oldest first. */
  changesSince(seq: number, limit: number): readonly KeptChange[]
  /** The number of the newest change; 0 where there is none. */
  readonly newest: number
  /** The number of the oldest change that is still kept; `newest + 1` where there is none. */
  readonly oldest: number
  /** Forgets changes older than this. */
  prune(before: Date): void
  /** Whether this process is the one that looks at the fleet: asked before each round, for at most `forMs`. */
  holdsWatch(forMs: number): boolean
}

export interface SourceNow {
  readonly state: SourceState | undefined
  readonly resources: readonly Resource[]
}

export interface FleetUpdate {
  readonly state: SourceState
  /** New, changed, or only measured anew. */
  readonly put: readonly Resource[]
  readonly remove: readonly string[]
  readonly changes: readonly FleetChange[]
}

export interface KeptChange extends FleetChange {
  /** Grows by one with each change. */
  readonly seq: number
}

/** What was found, by name, each with its time: `{ backups: { at, data: […] } }`; one that could not be had says why. */
export type Findings = Readonly<Record<string, Finding>>

export interface Finding {
  readonly at: Date
  readonly data?: Json | undefined
  readonly error?: string | undefined
}

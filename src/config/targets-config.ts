import type { Capability } from '../core/capability.ts'
import type { Connection } from '../core/connection.ts'
import type { Target } from '../core/target.ts'

/** What targets.yaml and the environment declare, checked and complete. */
export interface TargetsConfig {
  readonly gateway: GatewaySection
  /** In the order of the file; a derived Docker target follows its machine, clusters of the environment come last. */
  readonly targets: readonly ConfiguredTarget[]
}

/** This gateway itself. */
export interface GatewaySection {
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly segment?: string | undefined
  readonly capabilities: readonly Capability[]
}

/** A target and how it is reached; `connection.kind` equals `kind`. */
export interface ConfiguredTarget extends Target {
  readonly connection: Connection
}

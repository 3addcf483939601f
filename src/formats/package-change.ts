/** One package that a simulation would change. */
export interface PackageChange {
  /** Without architecture, but apt's own `libc6:i386`. */
  readonly name: string
  /** Where the manager's names carry one: `noarch`. */
  readonly arch?: string | undefined
  /** Whether it comes only because another needs it; undefined where the manager does not tell. */
  readonly dependency?: boolean | undefined
  /** Empty when it is not installed yet. */
  readonly from: string
  /** Empty when it would be removed. */
  readonly to: string
  readonly security: boolean
}

/** What a package manager would do. */
export interface Simulation {
  readonly manager: string
  /** Sorted by name. */
  readonly changes: readonly PackageChange[]
  /** Packages that stay behind, e.g. on hold. */
  readonly keptBack: number
  /** What it would take to go back to an older version, or change in spite of a hold. */
  readonly downgraded: readonly string[]
  readonly held: readonly string[]
  /** Asked for, and current already. */
  readonly current: readonly string[]
  /** The names of all that is installed; undefined for apt. */
  readonly installed?: readonly string[] | undefined
  /** Whether it is known which changes are for security. */
  readonly tellsSecurity: boolean
  /** Seconds since 1970; undefined when there is no index. */
  readonly indexAt: number | undefined
}

/** Why there is no simulation. */
export type NoSimulation =
  | { readonly failed: 'manager'; readonly manager: string }
  | { readonly failed: 'root'; readonly manager: string }
  | { readonly failed: 'interrupted'; readonly said: string }
  | { readonly failed: 'refused'; readonly manager: string; readonly said: string; readonly missing: readonly string[] }

/** Something that really happened in a cluster because of a request. */
export interface Effect {
  /** Milliseconds since 1970 of the cluster's clock. */
  readonly at: number
  readonly cluster: string
  readonly method: string
  /** `/nodes/pve1/lxc/101/status/start` */
  readonly path: string
  /** `gw@pve!full` */
  readonly user: string
  readonly vmid?: number | undefined
  /** `accepted` (a task was begun), then what the task did at its end: `started`, `stopped`, `failed: …`. */
  readonly effect: string
  readonly upid?: string | undefined
}

/** Where effects are written down, in the order in which they happened. */
export type EffectLog = Effect[]

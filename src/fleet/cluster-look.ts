import type { Resource } from '../core/fleet.ts'
import type { Outcome } from '../core/operation.ts'

/** One look at a cluster. */
export interface ClusterLook {
  /** The cluster's target id. */
  readonly cluster: string
  /** What is known of it. */
  readonly known: readonly Resource[]
  /** What was asked of each guest and when; kept from look to look. */
  readonly addresses: AddressBook
  readonly at: Date
  /** Ids of guests that the lists may not tell the truth of yet: they are asked themselves. */
  readonly doubted?: ReadonlySet<string> | undefined
  /** A GET of its API. @throws GatewayError when nothing answers */
  read(path: string): Promise<Outcome>
}

/** When each guest was asked for its addresses, by id. */
export type AddressBook = Map<string, { readonly at: Date; readonly startedAtMs: number; readonly found: boolean }>

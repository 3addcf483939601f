/** The two ends of the connection that a request came by. */
export interface Peer {
  /** Of the other end. */
  readonly address: string
  readonly port: number
  /** Of ours. */
  readonly ownPort: number
}

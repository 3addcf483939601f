/** A guest by the target id of its cluster. */
export interface GuestOfCluster {
  readonly cluster: string
  readonly vmid: number
}

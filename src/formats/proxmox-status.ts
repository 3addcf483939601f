import { z } from 'zod'

/** Rows of `GET /cluster/status`: the cluster itself (none on a single node) and its nodes. */
export const clusterStatusReply = z.array(
  z.object({
    type: z.string(),
    name: z.string().optional(),
    quorate: z.coerce.number().optional(),
    online: z.coerce.number().optional(),
    ip: z.string().optional(),
    local: z.coerce.number().optional(),
  }),
)

export interface ClusterStatus {
  /** Its own name, which need not be ours; undefined for a node that belongs to no cluster. */
  readonly name?: string | undefined
  /** A single node needs no quorum and has it. */
  readonly quorate: boolean
  readonly nodes: readonly { readonly node: string; readonly online: boolean; readonly ip?: string | undefined }[]
}

/** At once right about which nodes are there, unlike the numbers of /cluster/resources, which are up to minutes old. */
export function clusterStatus(rows: z.output<typeof clusterStatusReply>): ClusterStatus {
  const own = rows.find(({ type }) => type === 'cluster')
  return {
    name: own?.name,
    quorate: own === undefined || own.quorate === 1,
    nodes: rows
      .flatMap(({ type, name, online, ip }) =>
        type === 'node' && name !== undefined ? [{ node: name, online: online === 1, ip }] : [],
      )
      .toSorted((a, b) => (a.node < b.node ? -1 : 1)),
  }
}

import type { Seen } from '../core/fleet.ts'
import type { StorageRow } from '../formats/proxmox-resources.ts'
import { definedFacts, definedNumbers } from './seen.ts'

/** Storages of a cluster: a shared one once, another once for each node that has it. */
export function storagesSeen(
  cluster: string,
  rows: readonly StorageRow[],
  online: ReadonlySet<string>,
): readonly Seen[] {
  const shared = Map.groupBy(
    rows.filter((row) => row.shared),
    ({ storage }) => storage,
  )
  return [
    ...rows.filter((row) => !row.shared).map((row) => localSeen(cluster, row, online.has(row.node))),
    ...[...shared].map(([storage, seen]) => sharedSeen(`storage:${cluster}/${storage}`, seen, online)),
  ]
}

const localSeen = (cluster: string, row: StorageRow, isReached: boolean): Seen => ({
  id: `storage:${cluster}/${row.node}/${row.storage}`,
  kind: 'storage',
  facts: definedFacts({ ...factsOf(row), node: row.node, status: isReached ? row.status : 'unknown' }),
  use: isReached ? useOf(row) : {},
  kept: ['type', 'content'],
})

/** As the nodes see it that are there; where they differ, each says how. */
function sharedSeen(id: string, rows: readonly StorageRow[], online: ReadonlySet<string>): Seen {
  const reached = rows.filter(({ node }) => online.has(node))
  const statuses = Map.groupBy(reached, ({ status }) => status)
  const differing = [...statuses].map(([status, seen]) => `${status} on ${seen.map(({ node }) => node).join(' ')}`)
  const status = statuses.size === 1 ? [...statuses.keys()].join() : differing.join(', ')
  const best = reached.find((row) => row.usedPct !== undefined) ?? reached[0] ?? rows[0]
  return {
    id,
    kind: 'storage',
    facts: definedFacts({ ...(best && factsOf(best)), shared: true, status: status === '' ? 'unknown' : status }),
    use: best === undefined || reached.length === 0 ? {} : useOf(best),
    kept: ['type', 'content'],
  }
}

const factsOf = ({ storage, type, content }: StorageRow) => ({
  name: storage,
  type,
  content: content.length === 0 ? undefined : content,
})

const useOf = ({ sizeGib, usedPct }: StorageRow) => definedNumbers({ size_gib: sizeGib, used_pct: usedPct })

import { GatewayError } from '../core/errors.ts'
import type { FleetStore } from '../core/fleet-ports.ts'
import type { Target } from '../core/target.ts'
import { isAction, type Tool } from '../core/tool.ts'
import { nearest } from '../lib/nearest.ts'

/** What a call says of the cluster it means. */
export interface ClusterWish {
  /** The argument `cluster`. */
  readonly cluster?: string | undefined
  /** The guest or node that it names: a name, a vmid, `pve:home/101`. */
  readonly resource?: string | undefined
}

type Fleet = Pick<FleetStore, 'resources' | 'sources'>

/**
 * The Proxmox clusters of a call: the named one; or the one that the resource belongs to by its id, by a configured prefix
 * (longest first), by the cluster's name at its beginning, or because discovery knows it there and nowhere else; or, for
 * reads only, the default cluster, which is the first one. What names nothing reads them all.
 * @throws GatewayError unknown_target; invalid_input for a change that could mean several
 */
export function chooseClusters(
  { all, fleet }: { readonly all: readonly Target[]; readonly fleet: Fleet },
  tool: Tool,
  { cluster, resource }: ClusterWish,
): readonly Target[] {
  const clusters = all.filter(({ kind }) => kind === 'proxmox')
  const [first, second] = clusters
  if (first === undefined) {
    throw new GatewayError('unsupported_target', 'no Proxmox cluster is configured', {
      hint: 'the operator can add a target with executor: proxmox to targets.yaml',
    })
  }
  if (cluster !== undefined) return [named(clusters, cluster)]
  if (second === undefined) return clusters
  if (resource === undefined) {
    if (isAction(tool)) throw severalMeant(tool, 'a change needs cluster', clusters)
    return clusters.toSorted(byId)
  }
  const candidates = owners(clusters, fleet, resource)
  const [only, another] = candidates
  if (only !== undefined && another === undefined) return candidates
  if (!isAction(tool)) return [only ?? first]
  const shown = JSON.stringify(resource.slice(0, 80))
  if (only === undefined) throw severalMeant(tool, `nothing says which cluster ${shown} is on`, clusters)
  throw severalMeant(tool, `${shown} could be on ${candidates.map(({ id }) => id).join(' and ')}`, candidates)
}

const byId = (a: Target, b: Target): number => (a.id < b.id ? -1 : 1)

function named(clusters: readonly Target[], cluster: string): Target {
  const found = clusters.find(({ id }) => id === cluster)
  if (found !== undefined) return found
  const ids = clusters.map(({ id }) => id)
  const close = nearest(cluster, ids)
  throw new GatewayError('unknown_target', `no cluster ${JSON.stringify(cluster.slice(0, 80))}`, {
    hint: close === undefined ? `clusters: ${ids.join(', ')}` : `did you mean ${close}? clusters: ${ids.join(', ')}`,
  })
}

const severalMeant = (tool: Tool, why: string, clusters: readonly Target[]): GatewayError =>
  new GatewayError('invalid_input', `${tool.name}: ${why}`, {
    hint: `repeat it with cluster: ${clusters.map(({ id }) => id).join(' or ')}`,
  })

/** Every cluster that the resource may be on; none when nothing tells. */
function owners(clusters: readonly Target[], fleet: Fleet, resource: string): readonly Target[] {
  const [, inId] = /^(?:pve|node|storage):([^/]+)\//.exec(resource) ?? []
  if (inId !== undefined) return clusters.filter(({ id }) => id === inId)
  const known = byDiscovery(clusters, fleet, resource)
  if (/^\d+$/.test(resource)) return known
  const prefixed = byPrefix(clusters, resource)
  if (prefixed.length > 0) return prefixed
  const named = byOwnName(clusters, resource)
  // `homework` need not be on `home`: it may only begin like it.
  const isElsewhere = named.length > 0 && known.length > 0 && !known.some((cluster) => named.includes(cluster))
  if (isElsewhere) return [...named, ...known]
  return named.length > 0 ? named : known
}

/** By the longest configured prefix. */
function byPrefix(clusters: readonly Target[], resource: string): readonly Target[] {
  const lengthOf = ({ prefixes = [] }: Target) =>
    Math.max(0, ...prefixes.filter((prefix) => resource.startsWith(prefix)).map(({ length }) => length))
  const longest = Math.max(...clusters.map(lengthOf))
  return longest === 0 ? [] : clusters.filter((cluster) => lengthOf(cluster) === longest)
}

/** By the longest name of a cluster that it begins with. */
function byOwnName(clusters: readonly Target[], resource: string): readonly Target[] {
  const named = clusters.filter(({ id }) => resource.startsWith(id))
  const length = Math.max(0, ...named.map(({ id }) => id.length))
  return named.filter(({ id }) => id.length === length)
}

/** Where discovery knows it; and where nobody has looked yet, it may be as well. */
function byDiscovery(clusters: readonly Target[], fleet: Fleet, resource: string): readonly Target[] {
  const known = new Set(
    fleet
      .resources()
      .filter(({ id, facts }) => id.endsWith(`/${resource}`) || facts['name'] === resource)
      .map(({ source }) => source),
  )
  const looked = new Set(fleet.sources().flatMap(({ source, seenAt }) => (seenAt === undefined ? [] : [source])))
  const found = clusters.filter(({ id }) => known.has(id))
  return found.length === 0 ? [] : [...found, ...clusters.filter(({ id }) => !known.has(id) && !looked.has(id))]
}

import type { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Facts, Observation, Seen } from '../core/fleet.ts'
import { guestPath } from '../core/proxmox-guest.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import { guestStatusReply } from '../formats/proxmox-guest-detail.ts'
import {
  type ClusterResources,
  clusterResources,
  type GuestRow,
  type NodeRow,
  resourcesReply,
} from '../formats/proxmox-resources.ts'
import { type ClusterStatus, clusterStatus, clusterStatusReply } from '../formats/proxmox-status.ts'
import type { ClusterLook } from './cluster-look.ts'
import { readAddresses } from './guest-addresses.ts'
import { inParallel } from './in-parallel.ts'
import { definedFacts, definedNumbers } from './seen.ts'
import { storagesSeen } from './storages-seen.ts'
import { missing } from './vanished.ts'

/**
 * Nodes, guests and storages of a cluster by two requests, and one more for each guest whose addresses are due or that has
 * vanished. @throws GatewayError when the cluster does not answer, or will not tell of its resources
 */
export async function observeCluster(look: ClusterLook): Promise<Observation> {
  const { cluster, read, at } = look
  const [listed, status] = await Promise.all([
    read('/cluster/resources').then((outcome) => proxmoxData(outcome, resourcesReply, '/cluster/resources')),
    statusOf(read),
  ])
  const rows = await withoutDoubt(look, clusterResources(listed))
  const online = onlineNodes(rows, status)
  const gaps = [...(status instanceof GatewayError ? [`quorum: ${status.message}`] : []), ...blindness(rows)]
  const addresses = await readAddresses(
    look,
    rows.guests.filter(({ node }) => online.has(node)),
  )
  const seen = [
    clusterSeen(cluster, status),
    ...rows.nodes.map((node) => nodeSeen(cluster, node, { online, status })),
    ...rows.guests.map((guest) => guestSeen(cluster, guest, { online, found: addresses.facts.get(guest.vmid) })),
    ...storagesSeen(cluster, rows.storages, online),
  ]
  const hidden = await missing(look, seen)
  return {
    source: cluster,
    at,
    seen: [...seen, ...hidden.seen],
    complete: true,
    gaps: [...gaps, ...addresses.gaps, ...hidden.gaps],
  }
}

/** The list with what was just changed as its own node tells it. A guest that does not answer there is left as it is listed. */
async function withoutDoubt(
  { cluster, doubted, read }: ClusterLook,
  rows: ClusterResources,
): Promise<ClusterResources> {
  if (doubted === undefined || doubted.size === 0) return rows
  const guests = await inParallel(rows.guests, async (row) => {
    if (!doubted.has(`pve:${cluster}/${row.vmid}`)) return row
    const parsed = await read(`${guestPath(row)}/status/current`)
      .then((outcome) => proxmoxData(outcome, guestStatusReply, `the status of ${row.vmid}`))
      .catch(() => undefined)
    return parsed === undefined ? row : { ...row, ...freshOf(parsed) }
  })
  return { ...rows, guests }
}

const freshOf = ({ status, name, lock, uptime }: z.output<typeof guestStatusReply>): Partial<GuestRow> => ({
  status,
  lock,
  uptimeS: uptime,
  ...(name !== undefined && { name }),
})

/** Who may not read the status still gets the list of resources. */
async function statusOf(read: ClusterLook['read']): Promise<ClusterStatus | GatewayError> {
  try {
    return clusterStatus(proxmoxData(await read('/cluster/status'), clusterStatusReply, '/cluster/status'))
  } catch (error) {
    return GatewayError.from(error)
  }
}

/** The status knows at once which nodes are there; the resources follow within minutes. */
function onlineNodes({ nodes }: ClusterResources, status: ClusterStatus | GatewayError): ReadonlySet<string> {
  const listed = nodes.filter((node) => node.status === 'online').map(({ node }) => node)
  if (status instanceof GatewayError) return new Set(listed)
  return new Set(status.nodes.filter(({ online }) => online).map(({ node }) => node))
}

/** A token without rights gets lists that are empty, not an error. */
function blindness({ guests, nodes }: ClusterResources): readonly string[] {
  const isBlind = guests.length === 0 && nodes.length > 0 && nodes.every(({ memoryMib }) => memoryMib === undefined)
  return isBlind
    ? [
        'the token sees no guests, storages or numbers: it needs the role PVEAuditor on / (for itself too, with privilege separation)',
      ]
    : []
}

function clusterSeen(cluster: string, status: ClusterStatus | GatewayError): Seen {
  const base = { id: `cluster:${cluster}`, kind: 'cluster' } as const
  if (status instanceof GatewayError) return { ...base, facts: { status: 'unknown' }, kept: ['name'] }
  const facts = definedFacts({ name: status.name ?? cluster, status: status.quorate ? 'quorate' : 'no quorum' })
  return { ...base, facts }
}

interface NodeContext {
  readonly online: ReadonlySet<string>
  readonly status: ClusterStatus | GatewayError
}

function nodeSeen(cluster: string, row: NodeRow, { online, status }: NodeContext): Seen {
  const isOnline = online.has(row.node)
  const ip = status instanceof GatewayError ? undefined : status.nodes.find(({ node }) => node === row.node)?.ip
  const { cpuPct, memPct, diskPct, uptimeS } = row
  return {
    id: `node:${cluster}/${row.node}`,
    kind: 'node',
    facts: definedFacts({
      name: row.node,
      status: isOnline ? 'online' : 'offline',
      ip,
      cpus: row.cpus,
      memory_mib: row.memoryMib,
    }),
    // What an offline node last said of itself is no measurement.
    use: isOnline ? definedNumbers({ cpu_pct: cpuPct, mem_pct: memPct, disk_pct: diskPct, uptime_s: uptimeS }) : {},
    kept: ['ip', 'cpus', 'memory_mib'],
  }
}

interface GuestContext {
  readonly online: ReadonlySet<string>
  /** Newly asked: addresses, state of the agent. */
  readonly found: Facts | undefined
}

/** Facts that a guest keeps when a look does not show them: a dead node's guests have neither name nor size. */
const keptAlways = ['addresses', 'agent', 'onboot']
const keptOfDead = ['name', 'template', 'pool', 'cpus', 'memory_mib', 'ha', 'lock']

function guestSeen(cluster: string, row: GuestRow, { online, found }: GuestContext): Seen {
  const isReached = online.has(row.node) && row.status !== 'unknown'
  const { name, template, tags, pool, lock, ha, cpus, memoryMib } = row
  const { cpuPct, memMib, memPct, uptimeS, diskGib } = row
  return {
    id: `pve:${cluster}/${row.vmid}`,
    kind: row.kind,
    facts: definedFacts({
      name,
      node: row.node,
      status: isReached ? row.status : 'unknown',
      template: template === true ? true : undefined,
      tags: tags.length === 0 ? undefined : tags,
      pool,
      lock,
      ha,
      cpus,
      memory_mib: memoryMib,
      ...found,
    }),
    use: isReached
      ? definedNumbers({ cpu_pct: cpuPct, mem_mib: memMib, mem_pct: memPct, uptime_s: uptimeS, disk_gib: diskGib })
      : {},
    kept: isReached ? keptAlways : [...keptAlways, ...keptOfDead],
  }
}

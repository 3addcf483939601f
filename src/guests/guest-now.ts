import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { get } from '../core/operation.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestNamed, guestPath } from '../core/proxmox-guest.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import { guestStatusReply, stateOf } from '../formats/proxmox-guest-detail.ts'
import {
  type ClusterResources,
  clusterResources,
  type GuestRow,
  type NodeRow,
  resourcesReply,
} from '../formats/proxmox-resources.ts'
import { clusterStatus, clusterStatusReply } from '../formats/proxmox-status.ts'
import type { Json } from '../lib/json.ts'

/** A guest that shall be changed, as its own node tells it now. */
export interface GuestNow {
  readonly vmid: number
  readonly kind: 'lxc' | 'qemu'
  readonly node: string
  readonly name: string
  /** For sentences: `web1 (101)`. */
  readonly title: string
  /** `running`, `stopped`, `paused` and other words of its emulator. */
  readonly status: string
  readonly isTemplate: boolean
  /** Whether the HA manager keeps it: it carries out power actions itself. */
  readonly isManaged: boolean
  /** What a plan for it relies on. */
  readonly basis: Readonly<Record<string, Json>>
  /** The cluster's list that it was found in. */
  readonly cluster: ClusterResources
}

/** What shall be done with it, so that what stands against that is said before anything is sent. */
export interface Intent {
  /** The verb of `cannot … web1 (101)`. */
  readonly to: string
  /** Whether it writes to the cluster's file system, which takes quorum. HA-managed guests always need it. */
  readonly needsQuorum?: boolean | undefined
  /** What to do instead with a template; left out where a template will do as well. */
  readonly notTemplates?: string | undefined
}

type Reader = Pick<Context, 'read' | 'target'> & Partial<Pick<Context, 'remembered'>>

/**
 * The guest that a caller means, ready to be changed.
 * @throws GatewayError not_found; unreachable: its node is offline; invalid_input: a template; busy: it is locked; operation_failed: no quorum; as proxmoxData
 */
export async function guestNow(context: Reader, wanted: string, intent: Intent): Promise<GuestNow> {
  const cluster = clusterResources(await askProxmox(context, '/cluster/resources', resourcesReply))
  const found = guestNamed(withNames(cluster.guests, context), wanted, context.target.id)
  requireNode(found, intent.to, cluster.nodes)
  return { ...(await statusNow(context, found, intent)), cluster }
}

/** What a node that is offline leaves in the list has no name: the last known one says which guest is meant. */
function withNames(guests: readonly GuestRow[], { remembered, target }: Reader): readonly GuestRow[] {
  if (remembered === undefined || guests.every(({ name }) => name !== undefined)) return guests
  const names = new Map(remembered().resources.map(({ id, facts }) => [id, facts['name']]))
  return guests.map((guest) => {
    const known = names.get(`pve:${target.id}/${guest.vmid}`)
    return guest.name === undefined && typeof known === 'string' ? { ...guest, name: known } : guest
  })
}

/** The list may be 10 s old: the guest's own node is asked. */
async function statusNow(context: Reader, guest: GuestRow, intent: Intent): Promise<Omit<GuestNow, 'cluster'>> {
  const { vmid, node, kind } = guest
  const asked = await context.read(get(`${guestPath(guest)}/status/current`))
  const current = proxmoxData(asked, guestStatusReply, `the status of ${titleOf(guest)}`)
  const name = current.name ?? guest.name ?? String(vmid)
  const title = titleOf({ ...guest, name })
  const isTemplate = guest.template === true || current.template === 1
  if (isTemplate && intent.notTemplates !== undefined)
    throw refusal(`cannot ${intent.to} ${title}: it is a template`, intent.notTemplates)
  if (current.lock !== undefined) throw locked({ ...guest, title }, intent.to, current.lock)
  const isManaged = current.ha?.managed === 1
  if (intent.needsQuorum === true || isManaged) await requireQuorum(context, `cannot ${intent.to} ${title}`)
  const status = stateOf(current)
  const basis = { cluster: context.target.id, vmid, kind, node, name, status, ...(isManaged && { ha: true }) }
  return { vmid, kind, node, name, title, status, isTemplate, isManaged, basis }
}

const titleOf = ({ vmid, kind, name }: Pick<GuestRow, 'vmid' | 'kind' | 'name'>): string => `${name ?? kind} (${vmid})`

const locked = (
  { vmid, node, kind, title }: Pick<GuestNow, 'vmid' | 'node' | 'kind' | 'title'>,
  to: string,
  by: string,
) =>
  new GatewayError('busy', `cannot ${to} ${title}: it is locked (${by})`, {
    hint: `wait for the task that holds it; one left over is taken off by root on ${node}: ${kind === 'lxc' ? 'pct' : 'qm'} unlock ${vmid}`,
  })

/** What a list does not know the status of is new, or its node is gone. */
function requireNode(guest: GuestRow, to: string, nodes: readonly NodeRow[]): void {
  const status = nodes.find(({ node }) => node === guest.node)?.status
  if (status === 'online' || (status !== 'offline' && guest.status !== 'unknown')) return
  throw new GatewayError('unreachable', `cannot ${to} ${titleOf(guest)}: its node ${guest.node} is offline`, {
    hint: `bring ${guest.node} back first; proxmox_list_nodes shows how the nodes stand`,
  })
}

/** Who may not read the status of the cluster is told by the change itself. @throws GatewayError operation_failed */
export async function requireQuorum({ read }: Pick<Context, 'read'>, what: string): Promise<void> {
  const outcome = await read(get('/cluster/status'))
  if (outcome.status === 403) return
  const { quorate, nodes } = clusterStatus(proxmoxData(outcome, clusterStatusReply, 'the status of the cluster'))
  if (quorate) return
  const online = nodes.filter((node) => node.online).length
  throw new GatewayError('operation_failed', `${what}: no quorum, ${online} of ${nodes.length} nodes are online`, {
    hint: 'bring nodes back first; without quorum a running guest can only be stopped',
  })
}

/** A change that cannot be, and what to do instead. */
export const refusal = (message: string, hint: string): GatewayError =>
  new GatewayError('invalid_input', message, { hint })

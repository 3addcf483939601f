import { nearest } from '../lib/nearest.ts'
import { GatewayError } from './errors.ts'

/** What tells guests of one cluster apart. */
export interface GuestIdentity {
  readonly vmid: number
  readonly node: string
  readonly kind: 'lxc' | 'qemu'
  readonly name?: string | undefined
}

/** How callers name a guest, for descriptions of arguments. */
export const guestRule = 'name, vmid or id'

/** The same, of a change that may name several. */
export const guestsRule = 'name, vmid or id; several: `tag:x`, `web-*`, `a,b`'

/** Where the API keeps a guest: `/nodes/pve1/lxc/101`. */
export const guestPath = ({ node, kind, vmid }: GuestIdentity): string =>
  `/nodes/${encodeURIComponent(node)}/${kind}/${vmid}`

/**
 * The guest that is meant by a vmid, a name, or an id as `pve:home/101`. Names are not unique in Proxmox VE; vmids are.
 * @throws GatewayError not_found; invalid_input when several have the name
 */
export function guestNamed<G extends GuestIdentity>(guests: readonly G[], wanted: string, cluster: string): G {
  const [, ofCluster, inId] = /^pve:([^/]+)\/(\d+)$/.exec(wanted) ?? []
  if (ofCluster !== undefined && ofCluster !== cluster) throw unknownGuest(guests, wanted, cluster)
  const vmid = inId ?? (/^\d+$/.test(wanted) ? wanted : undefined)
  const byVmid = vmid === undefined ? undefined : guests.find((guest) => guest.vmid === Number(vmid))
  if (byVmid !== undefined) return byVmid
  const [only, another, ...more] = guests.filter(({ name }) => name === wanted)
  if (only === undefined) throw unknownGuest(guests, wanted, cluster)
  if (another === undefined) return only
  const named = [only, another, ...more].slice(0, 10).map(({ vmid: id, node, kind }) => `${id} (${kind} on ${node})`)
  throw new GatewayError('invalid_input', `${more.length + 2} guests of ${cluster} are named ${shown(wanted)}`, {
    hint: `name it by its vmid: ${named.join(', ')}`,
  })
}

const shown = (wanted: string): string => JSON.stringify(wanted.slice(0, 80))

function unknownGuest(guests: readonly GuestIdentity[], wanted: string, cluster: string): GatewayError {
  if (guests.length === 0) {
    return new GatewayError('not_found', `the token sees no guest on ${cluster}, so not ${shown(wanted)}`, {
      hint: 'either there is none, or it needs VM.Audit on /vms: proxmox_cluster_health tells which',
    })
  }
  const names = guests.flatMap(({ name }) => (name === undefined ? [] : [name]))
  const close = nearest(wanted, names) ?? names.find((name) => name.includes(wanted))
  const at = guests.find(({ name }) => name === close)
  return new GatewayError('not_found', `no guest ${shown(wanted)} on ${cluster}`, {
    hint:
      close === undefined || at === undefined
        ? 'proxmox_list_guests shows the guests that the token may see'
        : `did you mean ${close} (${at.vmid} on ${at.node})?`,
  })
}

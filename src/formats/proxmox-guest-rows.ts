import type { GuestRow } from './proxmox-resources.ts'
import { spanOf } from './uptime.ts'

/** Which guests are meant; what is left out narrows nothing. */
export interface GuestFilter {
  readonly node?: string | undefined
  readonly status?: string | undefined
  readonly kind?: 'lxc' | 'qemu' | undefined
  readonly tag?: string | undefined
  readonly pool?: string | undefined
  /** Part of name or vmid, in any case. */
  readonly text?: string | undefined
}

/** Whether a guest passes every given filter. */
export function guestPasses(guest: GuestRow, { node, status, kind, tag, pool, text }: GuestFilter): boolean {
  return (
    (node === undefined || guest.node === node) &&
    (status === undefined || guest.status === status) &&
    (kind === undefined || guest.kind === kind) &&
    (tag === undefined || guest.tags.includes(tag)) &&
    (pool === undefined || guest.pool === pool) &&
    (text === undefined || `${guest.vmid} ${guest.name ?? ''}`.toLowerCase().includes(text.toLowerCase()))
  )
}

/** A guest as a row; empty where there is nothing to say. */
export const guestColumns = (guest: GuestRow, addresses: readonly string[]) => ({
  vmid: guest.vmid,
  name: guest.name ?? '',
  kind: guest.kind,
  node: guest.node,
  status: guest.status,
  cpus: guest.cpus ?? '',
  cpu_pct: guest.cpuPct ?? '',
  mem_mib: guest.memoryMib ?? '',
  mem_pct: guest.memPct ?? '',
  uptime: guest.uptimeS === undefined || guest.uptimeS === 0 ? '' : spanOf(guest.uptimeS),
  ip: addresses[0] ?? '',
  tags: guest.tags.join(' '),
  pool: guest.pool ?? '',
  lock: guest.lock ?? '',
  ha: guest.ha ?? '',
  template: guest.template === true ? 'yes' : '',
})

import type { Guest } from './guest.ts'
import type { PveNode } from './parts.ts'

/** The changing numbers of a guest at a moment; all are 0 while it does not run, but its sizes. */
export interface GuestNumbers {
  readonly uptime: number
  readonly cpu: number
  readonly mem: number
  readonly disk: number
  readonly netin: number
  readonly netout: number
  readonly diskread: number
  readonly diskwrite: number
}

const still: GuestNumbers = { uptime: 0, cpu: 0, mem: 0, disk: 0, netin: 0, netout: 0, diskread: 0, diskwrite: 0 }

/** What a guest's counters show at a time, milliseconds since 1970: the same for the same guest and time. */
export function guestNumbers(guest: Guest, at: number): GuestNumbers {
  if (guest.status === 'stopped') return still
  const uptime = Math.max(0, Math.floor((at - (guest.startedAt ?? at)) / 1000))
  return {
    uptime,
    cpu: uptime === 0 ? 0 : Math.min(1, guest.load * wave(guest.vmid, at)),
    mem: Math.min(guest.memory, Math.round(guest.usedMemory * (0.95 + 0.05 * wave(guest.vmid + 7, at)))),
    disk: guest.kind === 'lxc' ? guest.usedDisk : 0,
    netin: uptime * 2100,
    netout: uptime * 830,
    diskread: uptime * 512,
    diskwrite: uptime * 4096,
  }
}

/** Use of a node at a time. */
export function nodeNumbers(node: PveNode, at: number): Pick<GuestNumbers, 'uptime' | 'cpu' | 'mem' | 'disk'> {
  return {
    uptime: Math.max(0, Math.floor((at - node.bootedAt) / 1000)),
    cpu: Math.min(1, node.load * wave(node.id, at)),
    mem: Math.round(node.usedMemory * (0.95 + 0.05 * wave(node.id + 3, at))),
    disk: node.usedDisk,
  }
}

/** Between 0.5 and 1.5, slow, never random. */
const wave = (seed: number, at: number) => 1 + 0.5 * Math.sin(at / 600_000 + seed)

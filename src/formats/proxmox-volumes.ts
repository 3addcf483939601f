import type { z } from 'zod'
import type { contentReply } from './proxmox-inventory.ts'

/** A volume of a storage. */
export type Volume = z.output<typeof contentReply>[number]

/** Newest first; those without a time last, by name. */
export const newestFirst = (volumes: readonly Volume[]): readonly Volume[] =>
  volumes.toSorted((a, b) => (b.ctime ?? 0) - (a.ctime ?? 0) || (a.volid < b.volid ? -1 : 1))

/** Bytes as MiB or GiB, to three digits, large ones whole. */
export const inUnits = (bytes: number | undefined, unit: number): number | undefined =>
  bytes === undefined
    ? undefined
    : bytes / unit >= 100
      ? Math.round(bytes / unit)
      : Number((bytes / unit).toPrecision(3))

/** One line of text that others wrote: no control characters, cut. */
export function oneLine(text: string | undefined, most = 80): string {
  const plain = (text ?? '').replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim()
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain
}

/** What one guest has on one storage. */
export interface GuestBackups {
  readonly vmid: number
  readonly storage: string
  readonly count: number
  readonly newest: number
  readonly bytes: number
}

/** Backups folded by guest and storage, guests by number. */
export function backupsByGuest(listed: readonly (readonly [storage: string, Volume])[]): readonly GuestBackups[] {
  const folded = new Map<string, GuestBackups>()
  for (const [storage, { vmid, ctime = 0, size = 0, content }] of listed) {
    if (vmid === undefined || (content ?? 'backup') !== 'backup') continue
    const key = `${vmid} ${storage}`
    const { count = 0, newest = 0, bytes = 0 } = folded.get(key) ?? {}
    folded.set(key, { vmid, storage, count: count + 1, newest: Math.max(newest, ctime), bytes: bytes + size })
  }
  return [...folded.values()].toSorted((a, b) => a.vmid - b.vmid || (a.storage < b.storage ? -1 : 1))
}

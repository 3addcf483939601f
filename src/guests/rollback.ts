import type { Context } from '../core/context.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestPath } from '../core/proxmox-guest.ts'
import { ageOf } from '../formats/ages.ts'
import { disksOf } from '../formats/proxmox-disks.ts'
import { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { oneLine } from '../formats/proxmox-volumes.ts'
import { type GuestNow, refusal } from './guest-now.ts'

/** The snapshot that a guest shall go back to, and those that were taken after it, oldest first. */
export interface Wanted {
  readonly found: {
    readonly name: string
    readonly snaptime?: number | undefined
    readonly vmstate?: number | null | undefined
  }
  readonly newer: readonly string[]
}

type Config = Readonly<Record<string, string>>

/**
 * What a rollback loses, for the eyes of a person, and the configuration that it would replace.
 * @throws GatewayError invalid_input: newer snapshots stand in its way
 */
export async function rollbackOf(
  context: Pick<Context, 'read' | 'now'>,
  guest: GuestNow,
  { found, newer }: Wanted,
): Promise<{ readonly preview: string; readonly digest: string }> {
  const path = guestPath(guest)
  const then = await askProxmox(context, `${path}/snapshot/${encodeURIComponent(found.name)}/config`, guestConfigReply)
  const now = await askProxmox(context, `${path}/config`, guestConfigReply)
  refuseBlocked(guest, then, { found, newer })
  const lines = [
    `lost: what was written to its disks since${found.snaptime === undefined ? '' : `, for ${ageOf(new Date(found.snaptime * 1000), context.now)}`}`,
    newer.length === 0 ? '' : `newer snapshots stay: ${newer.join(', ')}`,
    found.vmstate === 1 ? 'its memory comes back: it runs on from that moment' : '',
    ...changedBack(now, then),
    ...addedSince(now, then).map((key) => `${key} was added since: it becomes an unused disk`),
  ]
  return { preview: lines.filter((line) => line !== '').join('\n'), digest: now['digest'] ?? '' }
}

/** Storages that go back to the newest snapshot of a volume only. */
const newestOnly = /^(zfspool|zfs)$/

function refuseBlocked(guest: GuestNow, then: Config, { found, newer }: Wanted): void {
  if (newer.length === 0) return
  const { storages } = guest.cluster
  const blocked = disksOf(then).find(({ storage }) =>
    storages.some((one) => one.storage === storage && one.node === guest.node && newestOnly.test(one.type ?? '')),
  )
  if (blocked === undefined) return
  throw refusal(
    `cannot roll back ${guest.title} to ${found.name}: ${blocked.key} is on ZFS (${blocked.storage}), which only goes back to the newest snapshot`,
    `delete the newer ones first (${newer.join(', ')}), or roll back to ${newer.at(-1)}`,
  )
}

/** Not told: what Proxmox writes by itself, and secrets. */
const untold =
  /^(digest|parent|snaptime|snapstate|vmstate|vmgenid|runningmachine|runningcpu|running-nets.*|lock|description|cipassword|sshkeys|unused\d+)$/
const mostTold = 20

function changedBack(now: Config, then: Config): readonly string[] {
  const keys = [...new Set([...Object.keys(now), ...Object.keys(then)])].filter((key) => !untold.test(key)).toSorted()
  const changed = keys.filter((key) => now[key] !== then[key])
  const told = changed.slice(0, mostTold).map((key) => `${key}: ${shown(now[key])} → ${shown(then[key])}`)
  return changed.length > mostTold ? [...told, `and ${changed.length - mostTold} more keys`] : told
}

const shown = (value: string | undefined): string => (value === undefined ? 'absent' : oneLine(value, 100))

function addedSince(now: Config, then: Config): readonly string[] {
  const before = new Set(disksOf(then).map(({ storage, volume }) => `${storage}:${volume}`))
  return disksOf(now).flatMap(({ key, storage, volume }) => (before.has(`${storage}:${volume}`) ? [] : [key]))
}

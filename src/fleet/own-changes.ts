import type { OwnChange } from '../core/fleet.ts'
import type { Clock } from '../lib/clock.ts'

/** Lists of Proxmox VE may be ten seconds old: of what we changed they are not believed for longer than that. */
const doubtedMs = 11_000
/** A change that is first seen so long after ours may have been somebody else's. */
const causeMs = 60_000

/** What this gateway changed itself, remembered for as long as it explains what is seen. */
export interface OwnChanges {
  note(change: OwnChange): void
  /** Resources of a source that were just changed: lists may still tell what was before. */
  doubted(source: string): ReadonlySet<string>
  /** The call that brought a change of this resource about. */
  causeOf(id: string): string | undefined
}

export function openOwnChanges(clock: Pick<Clock, 'elapsedMs'>): OwnChanges {
  let noted: readonly { readonly change: OwnChange; readonly atMs: number }[] = []
  const within = (ms: number) => {
    const now = clock.elapsedMs()
    noted = noted.filter(({ atMs }) => now - atMs <= causeMs)
    return noted.filter(({ atMs }) => now - atMs <= ms).map(({ change }) => change)
  }
  return {
    note(change) {
      noted = [...noted, { change, atMs: clock.elapsedMs() }]
    },
    doubted: (source) => new Set(within(doubtedMs).flatMap((change) => (change.source === source ? change.ids : []))),
    causeOf: (id) => within(causeMs).findLast(({ ids }) => ids.includes(id))?.cause,
  }
}

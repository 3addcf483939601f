import type { OwnChange } from '../core/fleet.ts'
import type { Clock } from '../lib/clock.ts'

/** Lists of Proxmox VE may be ten seconds old: of what we changed they are not believed for longer than that. */
const doubtedMs = 11_000
/** A change that is first seen so long after ours had ended may have been somebody else's. */
const causeMs = 60_000

/** What this gateway changes itself, remembered for as long as it explains what is seen. */
export interface OwnChanges {
  /** Returns what tells of its end. */
  begin(changes: readonly OwnChange[]): () => void
  /** Resources of a source that are or were just changed: lists may still tell what was before. */
  doubted(source: string): ReadonlySet<string>
  /** The call that brought a change of this resource about. */
  causeOf(id: string): string | undefined
}

export function openOwnChanges(clock: Pick<Clock, 'elapsedMs'>): OwnChanges {
  const known = new Set<{ readonly change: OwnChange; endedMs: number }>()
  const within = (ms: number): readonly OwnChange[] => {
    const now = clock.elapsedMs()
    for (const one of known) if (now - one.endedMs > causeMs) known.delete(one)
    return [...known].flatMap(({ change, endedMs }) => (now - endedMs <= ms ? [change] : []))
  }
  return {
    begin(changes) {
      const begun = changes.map((change) => ({ change, endedMs: Number.POSITIVE_INFINITY }))
      for (const one of begun) known.add(one)
      return () => {
        for (const one of begun) one.endedMs = clock.elapsedMs()
      }
    },
    doubted: (source) => new Set(within(doubtedMs).flatMap((change) => (change.source === source ? change.ids : []))),
    causeOf: (id) => within(causeMs).findLast(({ ids }) => ids.includes(id))?.cause,
  }
}

import type { WatchAct, Watched, WatchRule, WatchSettings } from '../config/watch-settings.ts'
import { isInWindow } from '../core/policy-times.ts'
import type { AuditRecord } from '../core/ports.ts'
import { openTokenBuckets } from '../lib/token-buckets.ts'

/** Something that a person should look at. */
export interface Alert {
  readonly rule: WatchRule
  readonly act: WatchAct
  readonly caller: string
  readonly reason: string
}

/** A caller and when it was seen. */
export interface Sighting {
  readonly caller: string
  readonly at: string
}

const tenMinutesMs = 10 * 60_000
const dayMs = 24 * 3_600_000

/**
 * Looks at each record as it is written. The records' own time is its clock. Each rule tells of a caller once in ten
 * minutes, of a newcomer once in a day.
 * @param newest sightings of before, asked for once
 */
export function openWatchRules(
  settings: WatchSettings,
  newest: () => readonly Sighting[],
): (record: AuditRecord) => readonly Alert[] {
  let nowMs = 0
  const told = openTokenBuckets({ count: 1, perMs: tenMinutesMs, elapsedMs: () => nowMs })
  const toldNewcomers = openTokenBuckets({ count: 1, perMs: dayMs, elapsedMs: () => nowMs })
  const reasonOf = reasons(settings, openSightings(newest))
  return (record) => {
    const { caller, event } = record
    if (['alert', 'freeze', 'unfreeze', 'gateway', 'limited'].includes(event)) return []
    nowMs = Math.max(nowMs, Date.parse(record.at))
    return settings.rules.flatMap((watched) => {
      const reason = reasonOf[watched.rule](record, watched)
      if (reason === undefined) return []
      const buckets = watched.rule === 'newcomer' ? toldNewcomers : told
      return buckets.take(`${watched.rule} ${caller}`) === 0
        ? [{ rule: watched.rule, act: watched.act, caller, reason }]
        : []
    })
  }
}

type Reason = (record: AuditRecord, watched: Watched) => string | undefined

function reasons({ quietHours }: WatchSettings, firstSeen: FirstSeen): Readonly<Record<WatchRule, Reason>> {
  const denials = openRecent(tenMinutesMs)
  const touched = openRecent(tenMinutesMs)
  return {
    denials({ event, result, caller, call, at }, { count }) {
      if (result !== 'denied' || (event !== 'finished' && event !== 'session')) return undefined
      const seen = denials.add(caller, [call], Date.parse(at))
      return seen < count ? undefined : `${seen} calls were denied within ten minutes`
    },
    sweep({ risk, targets = [], caller, at }, { count }) {
      if (risk !== 'write' && risk !== 'destructive') return undefined
      const seen = touched.add(caller, targets, Date.parse(at))
      return seen < count ? undefined : `changes on ${seen} targets were asked for within ten minutes`
    },
    newcomer(record) {
      const isCritical = record.event === 'started' && record.risk === 'destructive'
      const sinceMs = firstSeen(record, isCritical)
      if (!isCritical || sinceMs === undefined) return undefined
      const ageMs = Date.parse(record.at) - sinceMs
      const age = `${Math.floor(ageMs / 60_000)} minutes`
      return ageMs < dayMs ? `begins something destructive, ${age} after it was first seen` : undefined
    },
    quiet_hours({ event, at, tool }) {
      if (event !== 'started' || quietHours === undefined || !isInWindow(quietHours, new Date(at))) return undefined
      return `begins ${tool ?? 'a change'} in the quiet hours`
    },
  }
}

const mostKeys = 1000
const mostItems = 1000

/** How many different items of a key there were lately. */
function openRecent(windowMs: number) {
  const keys = new Map<string, Map<string, number>>()
  return {
    add(key: string, items: readonly string[], atMs: number): number {
      const known = keys.get(key) ?? new Map<string, number>()
      keys.delete(key)
      keys.set(key, known)
      for (const item of items) {
        known.delete(item)
        known.set(item, atMs)
      }
      trim(known, (seenMs) => seenMs <= atMs - windowMs || known.size > mostItems)
      trim(keys, () => keys.size > mostKeys)
      return known.size
    },
  }
}

/** Takes away from the front what was used longest ago. */
function trim<T>(map: Map<string, T>, isOver: (value: T) => boolean): void {
  for (const [key, value] of map) {
    if (!isOver(value)) break
    map.delete(key)
  }
}

/** When a caller was seen first; undefined as long as nobody needed to know. */
type FirstSeen = (record: Sighting, isNeeded: boolean) => number | undefined

/** As far as the newest records tell, which are read when they are first needed. */
function openSightings(newest: () => readonly Sighting[]): FirstSeen {
  let first: Map<string, number> | undefined
  return ({ caller, at }, isNeeded) => {
    if (first === undefined && !isNeeded) return undefined
    first ??= new Map(
      newest()
        .toReversed()
        .map((seen) => [seen.caller, Date.parse(seen.at)]),
    )
    const known = first.get(caller)
    const seenMs = known ?? Date.parse(at)
    if (known === undefined) first.set(caller, seenMs)
    trim(first, () => (first?.size ?? 0) > 10 * mostKeys)
    return seenMs
  }
}

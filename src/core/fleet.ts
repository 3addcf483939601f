import { canonicalJson } from '../lib/json.ts'

/** What the fleet is made of. */
export const resourceKinds = ['cluster', 'node', 'lxc', 'qemu', 'storage', 'host', 'container'] as const
export type ResourceKind = (typeof resourceKinds)[number]

export type Fact = string | number | boolean | readonly string[]
/** Flat, by name: `{ name: 'web01', node: 'pve1', status: 'running', tags: ['web'], memory_mib: 512 }`. A key left out: not so. */
export type Facts = Readonly<Record<string, Fact>>

/** One thing of the fleet, as it was seen last. */
export interface Resource {
  /** The same for its whole life: `cluster:home`, `node:home/pve1`, `pve:home/101`, `storage:home/pve1/local`, `host:web-1`, `container:dock/web`. */
  readonly id: string
  readonly kind: ResourceKind
  /** The target that told of it: its cluster, its Docker engine, or itself. */
  readonly source: string
  /** What is news when it changes. Every resource has `status`. */
  readonly facts: Facts
  /** Measured values, which always change and so are no news: `{ cpu_pct: 3, mem_mib: 200, uptime_s: 99 }`. */
  readonly use: Readonly<Record<string, number>>
  readonly seenAt: Date
  /** Since when `status` is what it is, as far as we saw. */
  readonly since: Date
}

/** A thing as one look at its source showed it. */
export interface Seen {
  readonly id: string
  readonly kind: ResourceKind
  readonly facts: Facts
  readonly use?: Readonly<Record<string, number>> | undefined
  /** Names of facts that this look could not show: they stay as they were. */
  readonly kept?: readonly string[] | undefined
}

/** One look at a source. */
export interface Observation {
  readonly source: string
  readonly at: Date
  readonly seen: readonly Seen[]
  /** Whether what is not in `seen` is gone: no when a right is missing or a part did not answer. */
  readonly complete: boolean
  /** What could not be seen, in words, and why. */
  readonly gaps: readonly string[]
}

export type ChangeKind = 'created' | 'deleted' | 'changed'

/** What one look found different: facts by name, before and after; null where there was none. */
export interface FleetChange {
  readonly at: Date
  readonly id: string
  readonly kind: ResourceKind
  readonly what: ChangeKind
  readonly fields: Readonly<Record<string, readonly [before: Fact | null, after: Fact | null]>>
  /** What brought it about, where we know: the call of ours that did it. */
  readonly cause?: string | undefined
}

/** Something that a call of ours changed, so that discovery looks at once and knows why. */
export interface OwnChange {
  /** The source that tells of it. */
  readonly source: string
  /** Its resources; where they are not known, the source is looked at all the same. */
  readonly ids: readonly string[]
  /** `proxmox_manage_guest by token:ada, call k7w2m9xq` */
  readonly cause: string
}

/** The facts that differ. */
export function changedFacts(before: Facts, after: Facts): FleetChange['fields'] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  const differing = names.filter((name) => canonicalJson(before[name]) !== canonicalJson(after[name]))
  return Object.fromEntries(differing.map((name) => [name, [before[name] ?? null, after[name] ?? null]]))
}

/** Facts by id, after one more change: whoever replays all changes since a state has the state of now. */
export function replay(state: ReadonlyMap<string, Facts>, { id, what, fields }: FleetChange): Map<string, Facts> {
  const next = new Map(state)
  if (what === 'deleted') {
    next.delete(id)
    return next
  }
  const facts: Record<string, Fact> = { ...(what === 'created' ? {} : state.get(id)) }
  for (const [name, [, after]] of Object.entries(fields)) {
    if (after === null) delete facts[name]
    else facts[name] = after
  }
  return next.set(id, facts)
}

/** How one source stands: a Proxmox cluster, a Docker engine, or a single host. */
export interface SourceState {
  readonly source: string
  readonly triedAt: Date
  /** Of the newest look that showed anything. */
  readonly seenAt?: Date | undefined
  readonly complete: boolean
  readonly gaps: readonly string[]
  /** Why the newest look showed nothing: code and message. */
  readonly error?: string | undefined
  readonly health: Health
  /** Since when it is in this health. */
  readonly since: Date
  /** Looks in a row that failed. */
  readonly failures: number
}

/** `degraded`: it answers, but not with everything; `unknown`: nobody has looked yet. */
export type Health = 'up' | 'degraded' | 'unreachable' | 'unknown'

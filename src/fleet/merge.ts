import {
  changedFacts,
  type Facts,
  type FleetChange,
  type Observation,
  type Resource,
  type Seen,
} from '../core/fleet.ts'

/** What a look makes of the resources of its source. */
export interface Merged {
  /** Everything that was seen, as it is now. */
  readonly put: readonly Resource[]
  readonly remove: readonly string[]
  readonly changes: readonly FleetChange[]
}

/** Pure: the same resources and the same look give the same changes, in order of ids. */
export function merge(before: readonly Resource[], look: Observation): Merged {
  const known = new Map(before.map((resource) => [resource.id, resource]))
  const seen = [...new Map(look.seen.map((one) => [one.id, one])).values()].sort(byId)
  const put = seen.map((one) => resourceOf(known.get(one.id), one, look))
  const ids = new Set(seen.map(({ id }) => id))
  const gone = look.complete ? before.filter(({ id }) => !ids.has(id)).sort(byId) : []
  return {
    put,
    remove: gone.map(({ id }) => id),
    changes: [
      ...gone.map((resource) => deleted(resource, look.at)),
      ...put.flatMap((resource) => changeOf(known.get(resource.id), resource, look.at)),
    ],
  }
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1)

function resourceOf(known: Resource | undefined, { id, kind, facts: told, use, kept = [] }: Seen, look: Observation) {
  // What was a container and is a VM now is another guest under an old number: nothing of the old one holds.
  const before = known?.kind === kind ? known : undefined
  const facts: Facts = { ...keptOf(before, kept), ...told }
  const same = before !== undefined && before.facts['status'] === facts['status']
  return {
    id,
    kind,
    source: look.source,
    facts,
    use: use ?? {},
    seenAt: look.at,
    since: same ? before.since : look.at,
  }
}

const keptOf = (before: Resource | undefined, kept: readonly string[]): Facts =>
  Object.fromEntries(Object.entries(before?.facts ?? {}).filter(([name]) => kept.includes(name)))

function changeOf(before: Resource | undefined, now: Resource, at: Date): readonly FleetChange[] {
  const { id, kind, facts } = now
  if (before === undefined) return [{ at, id, kind, what: 'created', fields: changedFacts({}, facts) }]
  if (before.kind !== kind)
    return [deleted(before, at), { at, id, kind, what: 'created', fields: changedFacts({}, facts) }]
  const fields = changedFacts(before.facts, facts)
  return Object.keys(fields).length === 0 ? [] : [{ at, id, kind, what: 'changed', fields }]
}

const deleted = ({ id, kind, facts }: Resource, at: Date): FleetChange => ({
  at,
  id,
  kind,
  what: 'deleted',
  fields: changedFacts(facts, {}),
})

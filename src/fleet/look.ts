import { GatewayError } from '../core/errors.ts'
import {
  changedFacts,
  type Fact,
  type FleetChange,
  type Health,
  type Observation,
  type Resource,
  type ResourceKind,
  type Seen,
  type SourceState,
} from '../core/fleet.ts'
import type { FleetStore, FleetUpdate, KeptChange, SourceNow } from '../core/fleet-ports.ts'
import { merge } from './merge.ts'

/** Something that tells of a part of the fleet: a cluster, a Docker engine, a host. */
export interface Source {
  /** The id of its target. */
  readonly id: string
  /** The resource that stands for the source itself, and bears its health: `cluster:home`, `host:web-1`. */
  readonly head: { readonly id: string; readonly kind: ResourceKind }
  /** The call of ours that changed a resource of it just now. */
  causeOf?(id: string): string | undefined
  /** @throws GatewayError when it shows nothing */
  observe(known: readonly Resource[], at: Date): Promise<Observation>
}

/** How one look ended. */
export interface Look {
  readonly source: string
  readonly changes: readonly KeptChange[]
  readonly gaps: readonly string[]
  readonly error?: GatewayError | undefined
}

/** Looks failed in a row until a source counts as unreachable: one that was lost on the way is no outage. */
const failuresUntilUnreachable = 2

/** Looks at one source and keeps what it showed; a failure is kept as well. @throws GatewayError state_unavailable */
export async function lookAt(source: Source, store: FleetStore, now: () => Date): Promise<Look> {
  try {
    const observation = await source.observe(store.resourcesOf(source.id), now())
    const changes = store.update(source.id, (before) => afterLook(source, before, observation))
    return { source: source.id, changes, gaps: observation.gaps }
  } catch (error) {
    const failure = GatewayError.from(error)
    if (failure.code === 'state_unavailable' || failure.code === 'internal') throw failure
    const at = now()
    const changes = store.update(source.id, (before) => afterFailure(source, before, { failure, at }))
    return { source: source.id, changes, gaps: [], error: failure }
  }
}

function afterLook(source: Source, before: SourceNow, look: Observation): FleetUpdate {
  const health: Health = look.gaps.length === 0 && look.complete ? 'up' : 'degraded'
  const seen = look.seen.map((one): Seen => (one.id === source.head.id ? withHealth(one, health) : one))
  const { put, remove, changes } = merge(before.resources, { ...look, seen })
  const { at, gaps, complete } = look
  const state = stateOf(before.state, { source: source.id, at, health })
  const explained = changes.map((change) => ({ ...change, cause: source.causeOf?.(change.id) }))
  return { state: { ...state, seenAt: at, complete, gaps, failures: 0 }, put, remove, changes: explained }
}

const withHealth = (seen: Seen, health: Health): Seen => ({ ...seen, facts: { ...seen.facts, health } })

/** What is known stays, with its age; only the head says that nobody answers. */
function afterFailure(
  source: Source,
  before: SourceNow,
  { failure, at }: { readonly failure: GatewayError; readonly at: Date },
): FleetUpdate {
  const failures = (before.state?.failures ?? 0) + 1
  const wasThere = before.state?.seenAt !== undefined && before.state.health !== 'unreachable'
  const health: Health = wasThere && failures < failuresUntilUnreachable ? 'degraded' : 'unreachable'
  const head = before.resources.find(({ id }) => id === source.head.id)
  const { put, changes } = headWith(source, head, { health, at })
  const state = stateOf(before.state, { source: source.id, at, health })
  const { code, message } = failure
  return {
    state: { ...state, complete: false, gaps: [], error: `${code}: ${message}`, failures },
    put,
    remove: [],
    changes,
  }
}

function headWith(
  { id: source, head }: Source,
  before: Resource | undefined,
  { health, at }: { readonly health: Health; readonly at: Date },
): { readonly put: readonly Resource[]; readonly changes: readonly FleetChange[] } {
  const facts: Readonly<Record<string, Fact>> = { status: 'unknown', ...before?.facts, health }
  const fields = changedFacts(before?.facts ?? {}, facts)
  if (Object.keys(fields).length === 0) return { put: [], changes: [] }
  const { id, kind } = head
  const resource = {
    id,
    kind,
    source,
    facts,
    use: before?.use ?? {},
    seenAt: before?.seenAt ?? at,
    since: before?.since ?? at,
  }
  return { put: [resource], changes: [{ at, id, kind, what: before === undefined ? 'created' : 'changed', fields }] }
}

function stateOf(
  before: SourceState | undefined,
  { source, at, health }: { readonly source: string; readonly at: Date; readonly health: Health },
): Omit<SourceState, 'complete' | 'gaps' | 'failures'> {
  const since = before?.health === health ? before.since : at
  return { source, triedAt: at, seenAt: before?.seenAt, health, since }
}

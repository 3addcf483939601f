import type { FleetChange, Resource, SourceState } from '../core/fleet.ts'
import type { Findings, FleetStore, KeptChange } from '../core/fleet-ports.ts'
import type { Json } from '../lib/json.ts'

/** `GET /fleet`: everything that is known of the fleet, and how old it is. */
export const fleetOf = (fleet: FleetStore): Json => ({
  epoch: fleet.epoch,
  newest: fleet.newest,
  sources: fleet.sources().map(sourceOf),
  resources: fleet.resources().map(resourceOf),
})

/** `GET /fleet/findings`: what slower looks found, by source. */
export const findingsOf = (fleet: FleetStore): Json =>
  Object.fromEntries(fleet.sources().map(({ source }) => [source, findingOf(fleet.findings(source))]))

/** `GET /fleet/changes?since=17&limit=100`: oldest first, and which are kept at all. */
export const changesOf = (fleet: FleetStore, since: number, limit: number): Json => ({
  epoch: fleet.epoch,
  oldest: fleet.oldest,
  newest: fleet.newest,
  changes: fleet.changesSince(since, limit).map((change) => changeOf(change, fleet)),
  sources: fleet.sources().map(sourceOf),
})

const sourceOf = (state: SourceState): Json => ({
  source: state.source,
  health: state.health,
  since: state.since.toISOString(),
  tried_at: state.triedAt.toISOString(),
  seen_at: state.seenAt?.toISOString(),
  complete: state.complete,
  gaps: state.gaps,
  error: state.error,
  failures: state.failures,
})

const resourceOf = ({ id, kind, source, facts, use, seenAt, since }: Resource): Json => ({
  id,
  kind,
  source,
  facts,
  use,
  seen_at: seenAt.toISOString(),
  since: since.toISOString(),
})

const findingOf = (findings: Findings = {}): Json =>
  Object.fromEntries(
    Object.entries(findings).map(([name, { at, data, error }]) => [name, { at: at.toISOString(), data, error }]),
  )

const changeOf = ({ seq, at, id, kind, what, fields, cause }: KeptChange, fleet: FleetStore): Json => ({
  seq,
  at: at.toISOString(),
  id,
  name: fleet.find(id)?.facts['name'],
  kind,
  what,
  fields: plain(fields),
  cause,
})

const plain = (fields: FleetChange['fields']): Json =>
  Object.fromEntries(Object.entries(fields).map(([name, [before, after]]) => [name, [before, after]]))

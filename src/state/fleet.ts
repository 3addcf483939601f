import { setImmediate } from 'node:timers'
import type { FleetChange, Resource, SourceState } from '../core/fleet.ts'
import type { Finding, FleetStore, FleetUpdate, KeptChange } from '../core/fleet-ports.ts'
import type { Database } from './database.ts'
import * as row from './fleet-rows.ts'
import { stateUnavailable } from './state-error.ts'

export interface FleetOptions {
  readonly database: Database
  now(): Date
  /** This process, and whether another one still runs. */
  readonly process: { readonly id: string; isAlive(processId: string): boolean }
}

/** The tables of the fleet. What this process and others have read is kept in memory until one of them changes it. */
export function openFleet({ database, now, process }: FleetOptions): FleetStore {
  const epoch = meta(database, 'epoch')
  const { version, atomically } = versioned(database)
  let cache: { readonly version: number; readonly resources: ReadonlyMap<string, Resource> } | undefined
  const all = () => {
    const current = version()
    if (cache?.version !== current) {
      const found = database.all(row.resource, 'SELECT * FROM resources ORDER BY id')
      cache = { version: current, resources: new Map(found.map((resource) => [resource.id, resource])) }
    }
    return cache.resources
  }
  const resourcesOf = (source: string) =>
    database.all(row.resource, 'SELECT * FROM resources WHERE source = ? ORDER BY id', [source])
  return {
    epoch,
    version,
    resources: () => [...all().values()],
    resourcesOf,
    find: (id) => all().get(id),
    sources: () => database.all(row.source, 'SELECT * FROM sources ORDER BY source'),
    findings(source) {
      const found = database.all(row.finding, 'SELECT * FROM findings WHERE source = ? ORDER BY name', [source])
      return found.length === 0 ? undefined : Object.fromEntries(found)
    },
    update: (source, decide) =>
      atomically(() => {
        const state = database.first(row.source, 'SELECT * FROM sources WHERE source = ?', [source])
        return write(database, decide({ state, resources: resourcesOf(source) }))
      }),
    keepFindings: (source, findings) =>
      atomically(() => {
        for (const [name, finding] of Object.entries(findings)) putFinding(database, [source, name], finding)
        touch(database)
      }),
    forget: (source, at) =>
      atomically(() => {
        const gone = resourcesOf(source)
        for (const { id, kind, facts } of gone) {
          const fields = Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, [fact, null] as const]))
          putChange(database, { at, id, kind, what: 'deleted', fields, cause: 'no longer configured' })
        }
        for (const table of ['resources', 'findings', 'sources'])
          database.run(`DELETE FROM ${table} WHERE source = ?`, [source])
        touch(database)
      }),
    changesSince: (seq, limit) =>
      database.all(row.change, 'SELECT * FROM changes WHERE seq > ? ORDER BY seq LIMIT ?', [seq, limit]),
    get newest() {
      return newestOf(database)
    },
    get oldest() {
      return database.first(row.oldest, 'SELECT min(seq) AS seq FROM changes')?.seq ?? newestOf(database) + 1
    },
    prune(before) {
      database.run('DELETE FROM changes WHERE at < ?', [before.getTime()])
    },
    holdsWatch: (forMs) => holdsWatch(database, { now, process, forMs }),
  }
}

/**
 * The number that every change raises. It is asked several times by each call, and costs more than most of what a call does:
 * what other processes have changed is seen in the next turn of the event loop.
 */
function versioned(database: Database) {
  let looked: number | undefined
  const forget = (): void => {
    looked = undefined
  }
  return {
    version(): number {
      if (looked !== undefined) return looked
      setImmediate(forget)
      looked = Number(meta(database, 'version'))
      return looked
    },
    atomically<T>(work: () => T): T {
      forget()
      try {
        return database.atomically(work)
      } finally {
        forget()
      }
    },
  }
}

const newestOf = (database: Database): number => database.first(row.newest, newestSql)?.seq ?? 0

/** Also when every change was forgotten: SQLite remembers the last number it gave. */
const newestSql = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0) AS seq"

function meta(database: Database, name: string): string {
  const found = database.first(row.meta, 'SELECT value FROM meta WHERE name = ?', [name])
  if (found === undefined) throw stateUnavailable(`the fleet database has no ${name}`, undefined)
  return found.value
}

const touch = (database: Database) =>
  database.run("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'version'")

function write(database: Database, { state, put, remove, changes }: FleetUpdate): readonly KeptChange[] {
  putSource(database, state)
  for (const id of remove) database.run('DELETE FROM resources WHERE id = ?', [id])
  for (const resource of put) putResource(database, resource)
  touch(database)
  return changes.map((change) => putChange(database, change))
}

function putSource(database: Database, state: SourceState): void {
  const { source, triedAt, seenAt, complete, gaps, error, health, since, failures } = state
  database.run('INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [
    source,
    triedAt.getTime(),
    seenAt?.getTime() ?? null,
    complete ? 1 : 0,
    JSON.stringify(gaps),
    error ?? null,
    health,
    since.getTime(),
    failures,
  ])
}

function putResource(database: Database, { id, source, kind, facts, use, seenAt, since }: Resource): void {
  database.run('INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?)', [
    id,
    source,
    kind,
    JSON.stringify(facts),
    JSON.stringify(use),
    seenAt.getTime(),
    since.getTime(),
  ])
}

function putChange(database: Database, change: FleetChange): KeptChange {
  const { at, id, kind, what, fields, cause } = change
  const kept = database.first(
    row.newest,
    'INSERT INTO changes (at, id, kind, what, fields, cause) VALUES (?, ?, ?, ?, ?, ?) RETURNING seq',
    [at.getTime(), id, kind, what, JSON.stringify(fields), cause ?? null],
  )
  return { ...change, seq: kept?.seq ?? 0 }
}

function putFinding(database: Database, key: readonly [source: string, name: string], finding: Finding): void {
  const { at, data, error } = finding
  database.run('INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?)', [
    ...key,
    at.getTime(),
    data === undefined ? null : JSON.stringify(data),
    error ?? null,
  ])
}

interface Watching extends Pick<FleetOptions, 'now' | 'process'> {
  readonly forMs: number
}

/** Taken when it is free, held by us, run out, or its owner is gone. */
function holdsWatch(database: Database, { now, process, forMs }: Watching): boolean {
  const ms = now().getTime()
  return database.atomically(() => {
    const held = database.first(row.watch, 'SELECT owner, until FROM watch')
    const free = held === undefined || held.owner === process.id || held.until <= ms || !process.isAlive(held.owner)
    if (free) database.run('INSERT OR REPLACE INTO watch VALUES (1, ?, ?)', [process.id, ms + forMs])
    return free
  })
}

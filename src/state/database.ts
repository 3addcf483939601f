import { existsSync, renameSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { z } from 'zod'
import { createPrivate } from './file-lock.ts'
import { stateUnavailable } from './state-error.ts'

/** One SQLite file. Failures of it are GatewayError state_unavailable; rows pass a schema. */
export class Database {
  readonly #connection: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(connection: DatabaseSync) {
    this.#connection = connection
  }

  /** Returns how many rows it changed. */
  run(sql: string, values: readonly SQLInputValue[] = []): number {
    return this.#guard(() => Number(this.#prepared(sql).run(...values).changes))
  }

  all<S extends z.ZodType>(row: S, sql: string, values: readonly SQLInputValue[] = []): readonly z.output<S>[] {
    return this.#guard(() => this.#prepared(sql).all(...values)).map((found) => {
      const parsed = row.safeParse(found)
      if (parsed.success) return parsed.data
      throw stateUnavailable('the state database holds a row that cannot be read', parsed.error)
    })
  }

  first<S extends z.ZodType>(row: S, sql: string, values: readonly SQLInputValue[] = []): z.output<S> | undefined {
    return this.all(row, sql, values)[0]
  }

  /** All of `work` or nothing of it; other processes wait meanwhile. */
  atomically<T>(work: () => T): T {
    this.run('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.run('COMMIT')
      return result
    } catch (error) {
      this.#rollBack(error)
      throw error
    }
  }

  /** Changes whenever another connection has committed. https://sqlite.org/pragma.html#pragma_data_version */
  dataVersion(): number {
    return this.#guard(() => Number(this.#prepared('PRAGMA data_version').get()?.['data_version']))
  }

  close(): void {
    this.#statements.clear()
    this.#connection.close()
  }

  #rollBack(because: unknown): void {
    try {
      this.run('ROLLBACK')
    } catch (error) {
      throw stateUnavailable('the state database gave up a transaction', new AggregateError([because, error]))
    }
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#connection.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw stateUnavailable('the state database failed', error)
    }
  }
}

export interface DatabaseFile {
  readonly path: string
  /** Each takes the schema one version up; never changed once released, only added to. */
  readonly migrations: readonly string[]
  /** FULL: on disk when a statement returns. NORMAL: whole after a power cut, but perhaps a little old. OFF: for what may be lost. */
  readonly synchronous: 'FULL' | 'NORMAL' | 'OFF'
  now(): Date
}

/**
 * Opens a database and brings its schema up to date. A file that is no sound database is set aside with its -wal and -shm
 * and a new one is begun; `setAside` is then its new path. Callers hold the lock of the state directory.
 * @throws GatewayError state_unavailable
 */
export function openDatabase(file: DatabaseFile): { readonly database: Database; readonly setAside?: string } {
  try {
    return { database: openSound(file) }
  } catch (error) {
    if (!isCorruption(error)) throw stateUnavailable(`cannot open ${file.path}`, error)
  }
  const setAside = `${file.path}.corrupt-${file.now().toISOString().replaceAll(':', '-')}`
  try {
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(file.path + suffix)) renameSync(file.path + suffix, setAside + suffix)
    }
    return { database: openSound(file), setAside }
  } catch (error) {
    throw stateUnavailable(`cannot replace the damaged ${file.path}`, error)
  }
}

function openSound({ path, migrations, synchronous }: DatabaseFile): Database {
  createPrivate(path)
  const connection = new DatabaseSync(path)
  try {
    connection.exec('PRAGMA busy_timeout = 5000')
    connection.exec('PRAGMA auto_vacuum = FULL')
    connection.exec('PRAGMA journal_mode = WAL')
    connection.exec(`PRAGMA synchronous = ${synchronous}`)
    connection.exec('PRAGMA foreign_keys = ON')
    const check = connection.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
    if (check !== 'ok') throw new Error(`database disk image is malformed: ${String(check)}`)
    migrate(connection, migrations)
    return new Database(connection)
  } catch (error) {
    connection.close()
    throw error
  }
}

function migrate(connection: DatabaseSync, migrations: readonly string[]): void {
  const version = Number(connection.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > migrations.length) {
    throw new Error(`its schema is version ${version}, this tailops knows ${migrations.length}; use the newer tailops`)
  }
  for (const [index, migration] of migrations.entries()) {
    if (index < version) continue
    connection.exec(`BEGIN IMMEDIATE; ${migration}; PRAGMA user_version = ${index + 1}; COMMIT`)
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB; Deno gives the message alone. https://sqlite.org/rescode.html */
const isCorruption = (error: unknown): boolean =>
  error instanceof Error && /malformed|not a database/.test(error.message)

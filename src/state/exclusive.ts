import { DatabaseSync } from 'node:sqlite'
import { createPrivate } from './file-lock.ts'
import { stateUnavailable } from './state-error.ts'

/**
 * A lock between processes that is held over time: the write lock of an empty SQLite file. The kernel releases it when its
 * holder dies. undefined: somebody else holds it. @throws GatewayError state_unavailable
 */
export function takeExclusive(path: string): { release(): void } | undefined {
  let connection: DatabaseSync | undefined
  try {
    createPrivate(path)
    connection = new DatabaseSync(path)
    connection.exec('PRAGMA journal_mode = MEMORY')
    connection.exec('BEGIN IMMEDIATE')
    const held = connection
    return { release: () => held.close() }
  } catch (error) {
    connection?.close()
    if (error instanceof Error && /database is locked/.test(error.message)) return undefined
    throw stateUnavailable(`cannot lock ${path}`, error)
  }
}

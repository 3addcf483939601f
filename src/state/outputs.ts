import { z } from 'zod'
import type { Outputs } from '../core/ports.ts'
import { characterStart } from '../lib/utf8.ts'
import { json } from './columns.ts'
import type { Database } from './database.ts'

export interface OutputOptions {
  readonly database: Database
  now(): Date
  newId(length: number): string
  /** Of one output; 8 MiB. */
  readonly maxBytes?: number | undefined
  /** Of all together, the oldest are dropped; 256 MiB. */
  readonly totalBytes?: number | undefined
  /** How long one is kept; an hour. */
  readonly keptMs?: number | undefined
}

const row = z
  .object({
    text: z.string(),
    caller: z.string(),
    tool: z.string(),
    targets: json(z.array(z.string())),
    discarded_bytes: z.number(),
  })
  .transform(({ discarded_bytes, ...same }) => ({ ...same, discardedBytes: discarded_bytes }))

const rest = z.object({ handle: z.string(), bytes: z.number() })

/** The table of cut answers. A clock that goes back makes them unreadable rather than longer-lived. */
export function openOutputs(options: OutputOptions): Outputs {
  const { database, now, newId, maxBytes = 8 * 2 ** 20, totalBytes = 256 * 2 ** 20, keptMs = 3_600_000 } = options

  const makeRoom = (bytes: number, ms: number): void => {
    database.run('DELETE FROM outputs WHERE kept_at <= ? OR kept_at > ?', [ms - keptMs, ms])
    let total = bytes
    for (const old of database.all(rest, 'SELECT handle, bytes FROM outputs ORDER BY kept_at DESC, rowid DESC')) {
      total += old.bytes
      if (total > totalBytes) database.run('DELETE FROM outputs WHERE handle = ?', [old.handle])
    }
  }

  return {
    put: ({ text, caller, tool, targets }) =>
      database.atomically(() => {
        const kept = cut(text, maxBytes)
        const bytes = Buffer.byteLength(kept)
        const ms = now().getTime()
        makeRoom(bytes, ms)
        const handle = newId(12)
        const discarded = Buffer.byteLength(text) - bytes
        database.run(putSql, [handle, kept, caller, tool, JSON.stringify(targets), discarded, bytes, ms])
        return handle
      }),
    find(handle) {
      const ms = now().getTime()
      return database.first(row, findSql, [handle, ms - keptMs, ms])
    },
  }
}

const putSql = `INSERT INTO outputs (handle, text, caller, tool, targets, discarded_bytes, bytes, kept_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
const findSql = 'SELECT * FROM outputs WHERE handle = ? AND kept_at > ? AND kept_at <= ?'

/** The longest beginning of whole characters that fits. */
function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return text
  return bytes.subarray(0, characterStart(bytes, maxBytes)).toString('utf8')
}

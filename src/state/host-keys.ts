import { z } from 'zod'
import type { HostKeys } from '../core/ports.ts'
import type { Database } from './database.ts'

export interface HostKeyOptions {
  readonly database: Database
  now(): Date
}

const row = z.object({ fingerprint: z.string() })

/** The table of host keys that were trusted on first contact. */
export function openHostKeys({ database, now }: HostKeyOptions): HostKeys {
  return {
    get: (target) => database.first(row, 'SELECT fingerprint FROM host_keys WHERE target = ?', [target])?.fingerprint,
    set(target, fingerprint) {
      database.run('INSERT INTO host_keys (target, fingerprint, seen_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', [
        target,
        fingerprint,
        now().getTime(),
      ])
    },
  }
}

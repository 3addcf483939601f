import { inWords } from '../core/brake.ts'
import type { AuditLog } from '../core/ports.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import type { BrakeFile } from './brake.ts'

interface FreezeParts {
  readonly audit: AuditLog
  readonly brake: BrakeFile
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
  newId(): string
}

/** The gateway freezes itself. The brake comes first: it works even where the log cannot be written. */
export function freezeBy({ audit, brake, clock, log, newId }: FreezeParts, by: string, reason?: string): void {
  const at = clock.now()
  try {
    const freeze = brake.freeze({ at, by, ...(reason !== undefined && { reason }), stop: false })
    log.warn('frozen: changes are refused', { freeze })
    audit
      .append({ at: at.toISOString(), call: newId(), event: 'freeze', caller: by, reason: inWords(freeze) })
      .catch((error: unknown) => log.error('the freeze could not be audited', { error }))
  } catch (error) {
    log.error('cannot freeze', { error })
  }
}

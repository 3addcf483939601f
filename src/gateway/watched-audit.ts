import type { WatchSettings } from '../config/watch-settings.ts'
import type { AuditLog, AuditRecord } from '../core/ports.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import { type Alert, openWatchRules } from './watch-rules.ts'

export interface WatchParts {
  readonly audit: AuditLog
  readonly settings: WatchSettings
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
  /** Changes nothing any more. */
  freeze(by: string, reason: string): void
}

/** How many of the newest records tell who is new. */
const remembered = 5000
const answerWithinMs = 10_000

/** The same log, whose records are looked at as they are written. An alert never holds up or fails the record it is about. */
export function watchedAudit(parts: WatchParts): AuditLog {
  const { audit, settings, log } = parts
  if (settings.rules.length === 0) return audit
  const see = openWatchRules(settings, () => audit.tail({ limit: remembered }))
  const look = (record: AuditRecord) => {
    try {
      for (const alert of see(record)) tell(parts, record, alert)
    } catch (error) {
      log.error('the audit log is not watched', { error })
    }
  }
  return {
    append(record, options) {
      look(record)
      return audit.append(record, options)
    },
    tail: (filter) => audit.tail(filter),
  }
}

/** The freeze comes first; the log line is there whatever else fails. */
function tell({ audit, settings, clock, log, freeze }: WatchParts, { call }: AuditRecord, alert: Alert): void {
  const { rule, act, caller, reason } = alert
  if (act === 'freeze') freeze(`watch:${rule}`, `${caller} ${reason}`)
  log.warn('watch', { ...alert, call })
  const at = clock.now().toISOString()
  audit
    .append({ at, call, event: 'alert', caller, reason: `${rule}: ${reason}` })
    .catch((error: unknown) => log.error('an alert could not be audited', { error }))
  if (act === 'webhook' && settings.webhook !== undefined)
    post(settings.webhook, { at, call, rule, caller, reason }).catch((error: unknown) =>
      log.error('an alert could not be sent', { error }),
    )
}

async function post(url: string, alert: object): Promise<void> {
  const { ok, status } = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(alert),
    redirect: 'error',
    signal: AbortSignal.timeout(answerWithinMs),
  })
  if (!ok) throw new Error(`the webhook answered ${status}`)
}

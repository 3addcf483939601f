import { isZone, type TimeWindow } from '../core/policy-times.ts'
import type { Reading } from './env-reading.ts'
import { quoted } from './problem.ts'

/** What is watched for in the audit log. */
export const watchRules = ['denials', 'sweep', 'newcomer', 'quiet_hours'] as const
export type WatchRule = (typeof watchRules)[number]

/** What happens then. All are logged and audited. */
export const watchActs = ['log', 'webhook', 'freeze'] as const
export type WatchAct = (typeof watchActs)[number]

/** One rule that is on. */
export interface Watched {
  readonly rule: WatchRule
  readonly act: WatchAct
  /** How many denials, or targets, in ten minutes; of no meaning to the others. */
  readonly count: number
}

export interface WatchSettings {
  readonly rules: readonly Watched[]
  readonly webhook?: string | undefined
  /** When nobody should change anything. */
  readonly quietHours?: TimeWindow | undefined
}

const counts: Readonly<Record<WatchRule, number>> = { denials: 20, sweep: 10, newcomer: 1, quiet_hours: 1 }
const byDefault = 'denials=log,sweep=log,newcomer=log'

/** TAILOPS_WATCH: `denials:50=freeze,sweep=webhook,newcomer=log,quiet_hours=freeze`, or `none`. */
export function watchSettings(reading: Reading): WatchSettings {
  const { spelled, report } = reading
  const found = spelled('TAILOPS_WATCH')
  const text = found?.value ?? byDefault
  const rules = text === 'none' ? [] : text.split(',').flatMap((part) => watched(part.trim()) ?? wrong(reading, part))
  const webhook = webhookOf(reading)
  const quietHours = quietHoursOf(reading)
  const needs = (what: string) =>
    report('error', 'TAILOPS_WATCH', `asks for ${what}, which is not set`, `set ${what}, or leave the rule out`)
  if (webhook === undefined && rules.some(({ act }) => act === 'webhook')) needs('TAILOPS_WATCH_WEBHOOK')
  if (quietHours === undefined && rules.some(({ rule }) => rule === 'quiet_hours')) needs('TAILOPS_QUIET_HOURS')
  return { rules, webhook, quietHours }
}

function watched(text: string): readonly Watched[] | undefined {
  const [, name, digits, word] = /^([a-z_]+)(?::([1-9]\d{0,4}))?=([a-z]+)$/.exec(text) ?? []
  const rule = watchRules.find((known) => known === name)
  const act = watchActs.find((known) => known === word)
  if (rule === undefined || act === undefined) return undefined
  return [{ rule, act, count: digits === undefined ? counts[rule] : Number(digits) }]
}

function wrong({ report }: Reading, text: string): readonly Watched[] {
  report(
    'error',
    'TAILOPS_WATCH',
    `${quoted(text)} is no rule`,
    `write ${watchRules.join(', ')}, each =${watchActs.join(' or =')}: denials:50=freeze,sweep=log; or none`,
  )
  return []
}

function webhookOf({ spelled, report }: Reading): string | undefined {
  const found = spelled('TAILOPS_WATCH_WEBHOOK')
  if (found === undefined) return undefined
  if (URL.canParse(found.value) && /^https?:/.test(found.value)) return found.value
  report('error', found.name, 'is no http or https URL', 'write it like https://alerts.lan/tailops')
  return undefined
}

/** `22:00-06:00 Europe/Berlin`; without a zone UTC. */
function quietHoursOf({ spelled, report }: Reading): TimeWindow | undefined {
  const found = spelled('TAILOPS_QUIET_HOURS')
  if (found === undefined) return undefined
  const [, h1, m1, h2, m2, zone = 'UTC'] =
    /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: ([\w/+-]+))?$/.exec(found.value) ?? []
  if (h1 !== undefined && isZone(zone))
    return { from: Number(h1) * 60 + Number(m1), to: Number(h2) * 60 + Number(m2), zone }
  report('error', found.name, `${quoted(found.value)} are no hours`, 'write 22:00-06:00 Europe/Berlin')
  return undefined
}

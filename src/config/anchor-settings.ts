import { isAbsolute } from 'node:path'
import type { Reading } from './env-reading.ts'
import { quoted } from './problem.ts'

/** Where the head of the audit log is anchored, and how often. */
export interface AnchorSettings {
  readonly places: readonly AnchorPlaceSetting[]
  readonly everyMs: number
}

type AnchorPlaceSetting =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'journal' }
  | { readonly kind: 'http'; readonly url: string }

const minuteMs = 60_000
const defaultMinutes = 60

/** TAILOPS_AUDIT_ANCHOR: `journal,/mnt/worm/tailops.anchors,https://witness.lan/tailops`; TAILOPS_AUDIT_ANCHOR_MINUTES. */
export function anchorSettings(reading: Reading): AnchorSettings {
  const { spelled, report } = reading
  const found = spelled('TAILOPS_AUDIT_ANCHOR')
  const places = (found?.value.split(',') ?? []).flatMap((text) => {
    const place = placeOf(text.trim())
    if (place === undefined && found !== undefined)
      report(
        'error',
        found.name,
        `${quoted(text.trim())} is no place for anchors`,
        'write journal, a whole path, an https URL, or several with commas',
      )
    return place ?? []
  })
  return { places, everyMs: minutes(reading) * minuteMs }
}

function placeOf(text: string): AnchorPlaceSetting | undefined {
  if (text === 'journal') return { kind: 'journal' }
  if (isAbsolute(text)) return { kind: 'file', path: text }
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) && `${url.username}${url.password}` === ''
  return isPlain ? { kind: 'http', url: url.href } : undefined
}

function minutes({ spelled, report }: Reading): number {
  const found = spelled('TAILOPS_AUDIT_ANCHOR_MINUTES')
  if (found === undefined) return defaultMinutes
  if (/^[1-9]\d{0,4}$/.test(found.value)) return Number(found.value)
  report('error', found.name, `${quoted(found.value)} is no number of minutes`, 'write 60')
  return defaultMinutes
}

/** A window of the week in a time zone. */
export interface TimeWindow {
  /** 0 is Sunday. Left out: every day. A window over midnight belongs to the day it begins on. */
  readonly days?: readonly number[] | undefined
  /** Minutes since midnight; from is inside, to is outside. Equal: the whole day. */
  readonly from: number
  readonly to: number
  /** IANA name: `Europe/Berlin`. */
  readonly zone: string
}

/** Whether a moment lies in a window. */
export function isInWindow({ days, from, to, zone }: TimeWindow, at: Date): boolean {
  const { day, minute } = localTime(at, zone)
  const isDay = (asked: number) => days === undefined || days.includes(asked)
  if (from < to) return isDay(day) && minute >= from && minute < to
  return (isDay(day) && minute >= from) || (isDay((day + 6) % 7) && minute < to)
}

interface LocalTime {
  readonly day: number
  readonly minute: number
}

const formats = new Map<string, Intl.DateTimeFormat>()
const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** Many rules ask about one minute in few zones: the last answer of each zone is kept. */
const lately = new Map<string, { readonly minute: number; readonly local: LocalTime }>()

function localTime(at: Date, zone: string): LocalTime {
  const minute = Math.floor(at.getTime() / 60_000)
  const known = lately.get(zone)
  if (known?.minute === minute) return known.local
  const format = formats.get(zone) ?? formatIn(zone)
  formats.set(zone, format)
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]))
  const local = {
    day: weekdays.indexOf(parts.get('weekday') ?? ''),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  }
  lately.set(zone, { minute, local })
  return local
}

/** @throws RangeError for a zone that is not known */
const formatIn = (zone: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })

/** Whether the time zone is known here. */
export function isZone(zone: string): boolean {
  try {
    formatIn(zone)
    return true
  } catch {
    return false
  }
}

/** How long ago, to the second below a minute, then to the minute, hour, day: `12s`, `5m`, `3h`, `2d`. */
export function ageOf(at: Date, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - at.getTime()) / 1000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}

/** A moment to the second, UTC: `2026-11-21 08:05:59`. */
export const momentOf = (rfc3339: string): string => rfc3339.slice(0, 19).replace('T', ' ')

/** The first figure of /proc/uptime, in seconds. */
export function secondsOf(uptime: string | undefined): number | undefined {
  const found = /^(\d{1,12}(\.\d{1,3})?) /.exec(uptime ?? '')
  return found === null ? undefined : Number(found[1])
}

/** `2h 5m` of seconds, exact to the minute. */
export function spanOf(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  const parts = [
    [Math.floor(minutes / 1440), 'd'],
    [Math.floor(minutes / 60) % 24, 'h'],
    [minutes % 60, 'm'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0m'
  return parts
    .slice(first)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ')
}

/** How long since, in the largest unit that fits: `12s`, `5m`, `3h`, `2d`. */
export function since(at: Date | number, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Number(at)) / 1000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}

const shown = 8

/** The first names of many, and how many more. */
export const some = (names: readonly string[]): string =>
  names.length > shown ? `${names.slice(0, shown).join(' ')} and ${names.length - shown} more` : names.join(' ')

/** `1 guest`, `3 guests`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

/** So many takes in a time, each key by itself. */
export interface TokenBuckets {
  /** Takes one: 0, or how many milliseconds are left until there is one. */
  take(key: string): number
  /** Puts one back that was taken. */
  giveBack(key: string): void
  /** Keys that are not full again. */
  readonly size: number
}

export interface BucketOptions {
  /** How many may be taken at once; as many come back in `perMs`, evenly. */
  readonly count: number
  readonly perMs: number
  elapsedMs(): number
  /** Beyond so many keys the one that was used longest ago is forgotten. */
  readonly maxKeys?: number | undefined
}

/** Sums of fractions come out a little too high. */
const roundingMs = 0.001

/**
 * Token buckets by the generic cell rate algorithm (ITU-T I.371): one number a key, the time at which its bucket will be
 * full again. No timers: the clock that is handed in alone decides.
 */
export function openTokenBuckets({ count, perMs, elapsedMs, maxKeys = 10_000 }: BucketOptions): TokenBuckets {
  const everyMs = perMs / count
  /** Oldest use first. */
  const fullAt = new Map<string, number>()
  return {
    take(key) {
      const now = elapsedMs()
      const next = Math.max(fullAt.get(key) ?? now, now) + everyMs
      if (next - now > perMs + roundingMs) return Math.ceil(next - now - perMs)
      fullAt.delete(key)
      fullAt.set(key, next)
      for (const [oldest, at] of fullAt) {
        if (at > now && fullAt.size <= maxKeys) break
        fullAt.delete(oldest)
      }
      return 0
    },
    giveBack(key) {
      const at = fullAt.get(key)
      if (at !== undefined) fullAt.set(key, at - everyMs)
    },
    get size() {
      return fullAt.size
    },
  }
}

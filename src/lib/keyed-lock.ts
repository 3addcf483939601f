/** Lets one piece of work at a time hold a key. */
export interface KeyedLock {
  /** Runs `work` while it holds every key; whoever came first goes first. */
  hold<Result>(keys: readonly string[], work: () => Promise<Result>): Promise<Result>
}

/** All keys of a piece of work are taken at once, so that no two can wait for each other. */
export function keyedLock(): KeyedLock {
  const last = new Map<string, Promise<unknown>>()
  return {
    async hold(keys, work) {
      const run = Promise.allSettled(keys.map((key) => last.get(key))).then(work)
      for (const key of keys) last.set(key, run)
      try {
        return await run
      } finally {
        for (const key of keys) if (last.get(key) === run) last.delete(key)
      }
    },
  }
}

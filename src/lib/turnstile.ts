/** Lets so many through at the same time; others wait in line, so many at most. */
export interface Turnstile {
  /** Whether one more of this key would neither be let through nor find room in the line. */
  isFull(key: string): boolean
  /** @throws what `refuse` makes when there is no room, or the signal comes first */
  pass<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>
  readonly inside: number
  readonly waiting: number
}

export interface TurnstileOptions {
  /** At the same time, of one key. */
  readonly perKey: number
  /** At the same time, of all keys. */
  readonly total: number
  /** Waiting, of one key. */
  readonly queuePerKey: number
  refuse(why: 'full' | 'gone'): Error
}

interface Waiting {
  readonly key: string
  go(): void
}

/** First come, first served; who waits for its own key's turn does not hold up others. */
export function openTurnstile({ perKey, total, queuePerKey, refuse }: TurnstileOptions): Turnstile {
  const inside = new Map<string, number>()
  let all = 0
  let line: readonly Waiting[] = []
  const isFree = (key: string) => all < total && (inside.get(key) ?? 0) < perKey
  const isFull = (key: string) => !isFree(key) && line.filter((one) => one.key === key).length >= queuePerKey
  const enter = (key: string) => {
    all++
    inside.set(key, (inside.get(key) ?? 0) + 1)
  }
  const leave = (key: string) => {
    all--
    const left = (inside.get(key) ?? 1) - 1
    if (left === 0) inside.delete(key)
    else inside.set(key, left)
    const next = line.find((one) => isFree(one.key))
    if (next === undefined) return
    line = line.filter((one) => one !== next)
    enter(next.key)
    next.go()
  }
  const wait = (key: string, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        line = line.filter((one) => one !== waiting)
        reject(refuse('gone'))
      }
      const waiting = {
        key,
        go() {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      line = [...line, waiting]
    })
  return {
    isFull,
    async pass(key, signal, work) {
      if (isFull(key)) throw refuse('full')
      if (isFree(key)) enter(key)
      else await wait(key, signal)
      try {
        return await work()
      } finally {
        leave(key)
      }
    },
    get inside() {
      return all
    },
    get waiting() {
      return line.length
    },
  }
}

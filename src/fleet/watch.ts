import { GatewayError } from '../core/errors.ts'
import type { FleetStore } from '../core/fleet-ports.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import { type Look, lookAt, type Source } from './look.ts'

/** A source and when it is looked at. */
export interface WatchedSource extends Source {
  readonly intervalMs: number
  /** How often it is asked whether something happened, and how; a different answer brings a look at once. */
  readonly hint?: { readonly everyMs: number; ask(): Promise<string> } | undefined
  /** Slower looks at what seldom changes; they keep their findings themselves. */
  readonly inspect?: { readonly everyMs: number; run(at: Date): Promise<void> } | undefined
}

export interface WatchParts {
  readonly sources: readonly WatchedSource[]
  readonly store: FleetStore
  readonly clock: Clock
  readonly log: Logger
  /** From 0 to 1, for jitter. */
  random(): number
  /** Hears of every look that found something different. */
  changed(look: Look): void
}

/** Looks at the fleet, again and again and on demand. */
export interface Watch {
  /** Goes on until the signal; one source that fails or hangs delays no other. */
  run(signal: AbortSignal): Promise<void>
  /** Looks now: at the named sources, or all. Two who ask at the same time share a look. */
  now(sources?: readonly string[]): Promise<readonly Look[]>
}

const longestPauseMs = 30 * 60_000
/** How long a process that watches may be silent before another one takes over. */
const watchHeldMs = 120_000
const tickMs = 30_000
const historyMs = 30 * 86_400_000

export function openWatch(parts: WatchParts): Watch {
  const { sources, store, clock, changed } = parts
  const underWay = new Map<string, Promise<Look>>()
  const look = (source: Source): Promise<Look> => {
    const running = underWay.get(source.id)
    if (running !== undefined) return running
    const looking = lookAt(source, store, clock.now)
      .then((seen) => {
        if (seen.changes.length > 0) changed(seen)
        return seen
      })
      .finally(() => underWay.delete(source.id))
    underWay.set(source.id, looking)
    return looking
  }
  return {
    async run(signal) {
      forgetUnconfigured(parts)
      const keeping = keepHistoryShort(parts, signal)
      await Promise.all([keeping, ...sources.map((source) => follow(parts, source, { look, signal }))])
    },
    async now(wanted) {
      const chosen = wanted === undefined ? sources : sources.filter(({ id }) => wanted.includes(id))
      const looks = await Promise.all(chosen.map(look))
      await Promise.all(chosen.map(({ inspect }) => inspect?.run(clock.now())))
      return looks
    },
  }
}

interface Following {
  readonly signal: AbortSignal
  look(source: Source): Promise<Look>
}

/** One source until the signal: looks, hints and inspections, each at its time. */
async function follow(parts: WatchParts, source: WatchedSource, { look, signal }: Following): Promise<void> {
  const { clock, log, store } = parts
  let failures = 0
  let lookAtMs = clock.elapsedMs() + parts.random() * 1000
  let hintAtMs = lookAtMs + (source.hint?.everyMs ?? 0)
  let inspectAtMs = lookAtMs
  let lastHint: string | undefined
  while (!signal.aborted) {
    const nextMs = Math.min(lookAtMs, source.hint === undefined ? lookAtMs : hintAtMs, clock.elapsedMs() + tickMs)
    await clock.sleep(Math.max(0, nextMs - clock.elapsedMs()), signal).catch(() => undefined)
    if (signal.aborted) return
    try {
      if (!store.holdsWatch(watchHeldMs)) continue
      if (source.hint !== undefined && failures === 0 && clock.elapsedMs() >= hintAtMs) {
        const hint = await source.hint.ask()
        if (lastHint !== undefined && hint !== lastHint) lookAtMs = clock.elapsedMs()
        lastHint = hint
        hintAtMs = clock.elapsedMs() + jittered(source.hint.everyMs, parts.random)
      }
      if (clock.elapsedMs() < lookAtMs) continue
      const { error } = await look(source)
      failures = error === undefined ? 0 : failures + 1
      lookAtMs = clock.elapsedMs() + jittered(pauseMs(source.intervalMs, failures), parts.random)
      if (error !== undefined || source.inspect === undefined || clock.elapsedMs() < inspectAtMs) continue
      inspectAtMs = clock.elapsedMs() + jittered(source.inspect.everyMs, parts.random)
      await source.inspect.run(clock.now())
    } catch (error) {
      failures += 1
      hintAtMs = clock.elapsedMs() + jittered(source.hint?.everyMs ?? source.intervalMs, parts.random)
      lookAtMs = Math.min(Math.max(lookAtMs, clock.elapsedMs()), hintAtMs)
      const { code, message, cause } = GatewayError.from(error)
      log.warn('watching a source', { source: source.id, code, message, ...(code === 'internal' && { cause }) })
    }
  }
}

/** Twice as long after each failure, half an hour at most. */
const pauseMs = (intervalMs: number, failures: number): number =>
  Math.min(intervalMs * 2 ** Math.min(failures, 10), Math.max(intervalMs, longestPauseMs))

/** Ten percent more or less, so that many sources and gateways do not ask in step. */
const jittered = (ms: number, random: () => number): number => ms * (0.9 + 0.2 * random())

function forgetUnconfigured({ sources, store, clock }: WatchParts): void {
  const configured = new Set(sources.map(({ id }) => id))
  for (const { source } of store.sources()) if (!configured.has(source)) store.forget(source, clock.now())
}

async function keepHistoryShort({ store, clock, log }: WatchParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      store.prune(new Date(clock.now().getTime() - historyMs))
    } catch (error) {
      log.warn('old changes of the fleet could not be forgotten', { error })
    }
    await clock.sleep(86_400_000, signal).catch(() => undefined)
  }
}

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
  /** Looks at one source after a change of ours: now, and once more when lists no longer are old. Resolves after the first look. */
  soon(source: string, signal: AbortSignal): Promise<void>
}

const longestPauseMs = 30 * 60_000
/** How long a process that watches may be silent before another one takes over. */
const watchHeldMs = 120_000
/** Lists may be ten seconds old (Proxmox VE): what has just happened is looked for once more when they no longer are. */
const settledMs = 11_000
/** How often one that does not watch asks whether it should. */
const askForWatchMs = 30_000
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
    async soon(id, signal) {
      const source = sources.find((one) => one.id === id)
      if (source === undefined) return
      // One that is under way began before the change.
      await underWay.get(id)?.catch(() => undefined)
      await tried(parts, source, () => look(source))
      pause(clock, settledMs, signal)
        .then(() => (signal.aborted ? undefined : tried(parts, source, () => look(source))))
        .catch((error: unknown) => parts.log.error('a look after a change', { source: id, error }))
    },
  }
}

interface Following {
  readonly signal: AbortSignal
  look(source: Source): Promise<Look>
}

/** One source until the signal: it is looked at on its interval, and at once when its hint says that something happened. */
async function follow(parts: WatchParts, source: WatchedSource, { look, signal }: Following): Promise<void> {
  const bell = openBell()
  await Promise.all([looking(parts, source, { look, signal, bell }), hinting(parts, source, { signal, bell })])
}

/** Cuts a pause short. */
interface Bell {
  ring(): void
  /** Aborts when it rings next. */
  next(): AbortSignal
}

function openBell(): Bell {
  let waiting = new AbortController()
  return {
    ring: () => waiting.abort(),
    next() {
      if (waiting.signal.aborted) waiting = new AbortController()
      return waiting.signal
    },
  }
}

async function looking(
  parts: WatchParts,
  source: WatchedSource,
  { look, signal, bell }: Following & { readonly bell: Bell },
): Promise<void> {
  const { clock, store, random } = parts
  // Many sources are not looked at all at once.
  await pause(clock, random() * Math.max(1000, parts.sources.length * 100), signal)
  let failures = 0
  let inspectAtMs = clock.elapsedMs()
  let isNews = false
  while (!signal.aborted) {
    const rung = bell.next()
    const isOurs = store.holdsWatch(watchHeldMs)
    const looked = isOurs && (await tried(parts, source, () => look(source)))
    failures = looked === false || looked?.error === undefined ? 0 : failures + 1
    if (looked && looked.error === undefined && source.inspect !== undefined && clock.elapsedMs() >= inspectAtMs) {
      const { inspect } = source
      inspectAtMs = clock.elapsedMs() + jittered(inspect.everyMs, random)
      await tried(parts, source, () => inspect.run(clock.now()))
    }
    const ms = isNews ? settledMs : jittered(pauseMs(source.intervalMs, failures), random)
    await pause(clock, isOurs ? ms : askForWatchMs, AbortSignal.any([signal, rung]))
    isNews = rung.aborted
  }
}

/** Rings when what the source hints at has changed. A source that does not answer is the looks' affair. */
async function hinting(
  parts: WatchParts,
  source: WatchedSource,
  { signal, bell }: { readonly signal: AbortSignal; readonly bell: Bell },
): Promise<void> {
  const { hint } = source
  let last: string | undefined
  while (hint !== undefined && !signal.aborted) {
    await pause(parts.clock, jittered(hint.everyMs, parts.random), signal)
    if (signal.aborted || !parts.store.holdsWatch(watchHeldMs)) continue
    const now = await tried(parts, source, hint.ask)
    if (now !== undefined && last !== undefined && now !== last) bell.ring()
    last = now ?? last
  }
}

/** What fails is logged and tried again at its next time. */
async function tried<T>({ log }: WatchParts, { id }: Source, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    const { code, message, cause } = GatewayError.from(error)
    log.warn('watching a source', { source: id, code, message, ...(code === 'internal' && { cause }) })
    return undefined
  }
}

const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  clock.sleep(ms, signal).catch(() => undefined)

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
    await pause(clock, 86_400_000, signal)
  }
}

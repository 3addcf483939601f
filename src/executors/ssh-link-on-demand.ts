import { Duplex } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import type { SshConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import { within } from '../lib/clock.ts'
import { sha256 } from '../lib/digest.ts'
import { randomId } from '../lib/random-id.ts'
import { closedAtOnce, connectFailure, lost, noSession } from './ssh-failure.ts'
import {
  connectWithinMs,
  openSession,
  type PrivateKey,
  privateKeyOf,
  type SshSession,
  type SshSurroundings,
} from './ssh-link.ts'
import { patiently } from './ssh-patience.ts'

/** A session on the other side. */
export type Channel = ClientChannel

/** One target's connection, opened when it is needed. */
export interface SshLink {
  /** Starts a line of shell in a session of its own; waits while too many are open, unless it is urgent. */
  exec<Attached>(line: string, options: ExecOptions, attach: (channel: Channel) => Attached): Promise<Attached>
  forward(host: string, port: number): Promise<Duplex>
  /** To a unix socket there; waits while too many channels are open. */
  forwardSocket(path: string, signal: AbortSignal): Promise<Duplex>
  /** It gives no answer: ends the connection, so that the next use opens another one. */
  abandon(): void
  release(): void
}

/** How a session is waited for. */
export interface ExecOptions {
  readonly signal: AbortSignal
  /** Does not wait for others: it ends one of them. */
  readonly isUrgent?: boolean
}

const maxChannels = 8
const openWithinMs = 5000
const idleMs = 5 * 60_000
const longestPauseMs = 60_000

/** One target's connection, and what it takes to open it. */
export interface LinkWish {
  readonly id: string
  readonly connection: SshConnection
  readonly parts: SshSurroundings
  readonly jumpTo: (() => SshLink) | undefined
}

/** Owns one connection: opened when it is needed, closed when nobody has needed it for a while. */
export class LinkOnDemand {
  readonly #wish: LinkWish
  #session: Promise<SshSession> | undefined
  #key: PrivateKey | undefined
  #channels = 0
  readonly #queue = new Set<() => void>()
  #idle: AbortController | undefined
  #failed:
    | { readonly error: GatewayError; readonly at: Date; readonly until: number; readonly pauseMs: number }
    | undefined

  constructor(wish: LinkWish) {
    this.#wish = wish
  }

  async exec<Attached>(
    line: string,
    { signal, isUrgent = false }: ExecOptions,
    attach: (channel: Channel) => Attached,
  ): Promise<Attached> {
    if (isUrgent) this.#channels++
    else await this.#turn(signal)
    return this.#opened(async (keep) => {
      const session = await unlessAborted(signal, this.#connected())
      if (signal.aborted) throw notSent()
      // The server may still count a session that has just ended (MaxSessions).
      const patience = {
        clock: this.#wish.parts.clock,
        tries: 5,
        pauseMs: () => 60 * (0.5 + chance()),
        again: noSession,
      }
      const opening = patiently(patience, () =>
        session.exec(line, (channel) => {
          keep(channel)
          return attach(channel)
        }),
      )
      return this.#soonAfter(signal, opening)
    })
  }

  /** Whoever aborts now may have begun something, and needs the channel to end it; a dead connection gives none. */
  async #soonAfter<Attached>(signal: AbortSignal, opening: Promise<Attached>): Promise<Attached> {
    const { id, parts } = this.#wish
    try {
      return await unlessAborted(signal, opening)
    } catch (error) {
      if (!signal.aborted) throw error
      const attached = await within({ clock: parts.clock, ms: openWithinMs }, opening)
      if (attached !== undefined) return attached
      this.abandon()
      throw lost(id)
    }
  }

  forward(host: string, port: number): Promise<Duplex> {
    this.#channels++
    return this.#opened(async (keep) => (await this.#connected()).forward(host, port, keep))
  }

  async forwardSocket(path: string, signal: AbortSignal): Promise<Duplex> {
    await this.#turn(signal)
    return this.#opened(async (keep) => {
      const session = await unlessAborted(signal, this.#connected())
      const opening = session.forwardSocket(path, keep)
      return unlessAborted(signal, opening).catch((error: unknown) => {
        opening.then(closeLate, nothing)
        throw error
      })
    })
  }

  /** A channel keeps its place until it is closed; one that nobody waits for any more is closed at once. */
  async #opened<Opened>(open: (keep: (channel: Duplex) => void) => Promise<Opened>): Promise<Opened> {
    this.#awake()
    let isKept = false
    let isLate = false
    try {
      return await open((channel) => {
        if (isLate) return channel.destroy()
        isKept = true
        channel.once('close', () => this.#leave())
      })
    } catch (error) {
      isLate = !isKept
      if (isLate) this.#leave()
      throw error
    }
  }

  /** Whether it is connected, or about to be. */
  get isOpen(): boolean {
    return this.#session !== undefined
  }

  close(): void {
    this.#awake()
    this.abandon()
  }

  abandon(): void {
    this.#session?.then((session) => session.end(), nothing)
    this.#session = undefined
  }

  #connected(): Promise<SshSession> {
    if (this.#session !== undefined) return this.#session
    const session = this.#connect()
    this.#session = session
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined
    }
    session.then((opened) => opened.onEnd(forget), forget)
    return session
  }

  async #connect(): Promise<SshSession> {
    const { clock } = this.#wish.parts
    if (this.#failed !== undefined && clock.elapsedMs() < this.#failed.until) {
      const { error, at } = this.#failed
      throw new GatewayError(error.code, `${error.message} (tried at ${at.toISOString()}, not yet again)`, {
        hint: error.hint,
        cause: error,
      })
    }
    try {
      const session = await this.#openPatiently()
      this.#failed = undefined
      return session
    } catch (error) {
      // Whoever mends it may put another key in its place.
      this.#key = undefined
      const pauseMs = Math.min(longestPauseMs, (this.#failed?.pauseMs ?? 500) * 2)
      this.#failed = {
        error: GatewayError.from(error),
        at: clock.now(),
        until: clock.elapsedMs() + pauseMs * (0.75 + 0.5 * chance()),
        pauseMs,
      }
      throw error
    }
  }

  /** Many beginners at once are turned away at random (MaxStartups). */
  #openPatiently(): Promise<SshSession> {
    const pauseMs = () => 400 * (0.5 + chance())
    return patiently({ clock: this.#wish.parts.clock, tries: 3, pauseMs, again: closedAtOnce }, () => this.#open())
  }

  async #open(): Promise<SshSession> {
    const { id, connection, parts, jumpTo } = this.#wish
    this.#key ??= await privateKeyOf(id, connection)
    const jump = jumpTo?.()
    try {
      const sock = jump && (await this.#sockOver(jump))
      const session = await openSession({ id, connection, key: this.#key, sock }, parts)
      session.onEnd(() => jump?.release())
      return session
    } catch (error) {
      jump?.release()
      throw error
    }
  }

  async #sockOver(jump: SshLink): Promise<Duplex> {
    const { id, connection, parts } = this.#wish
    const { host, port, connectTimeoutMs: ms = connectWithinMs } = connection
    const opening = jump.forward(host, port)
    const sock = await within({ clock: parts.clock, ms }, opening)
    if (sock !== undefined) return sock
    opening.then(closeLate, nothing)
    throw connectFailure(id, connection, new Error(`no way there from ${connection.jump} within ${ms} ms`))
  }

  /** @throws GatewayError cancelled: nothing was sent */
  #turn(signal: AbortSignal): Promise<void> {
    if (this.#channels < maxChannels) {
      this.#channels++
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        this.#queue.delete(begin)
        signal.removeEventListener('abort', leave)
        this.#channels++
        resolve()
      }
      const leave = (): void => {
        this.#queue.delete(begin)
        reject(notSent())
      }
      this.#queue.add(begin)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #leave(): void {
    this.#channels--
    const [next] = this.#queue
    next?.()
    if (this.#channels > 0 || !this.isOpen) return
    const idle = new AbortController()
    this.#idle = idle
    this.#wish.parts.clock.sleep(idleMs, idle.signal).then(() => this.close(), nothing)
  }

  #awake(): void {
    this.#idle?.abort()
    this.#idle = undefined
  }
}

const nothing = (): undefined => undefined

/** Between 0 and 1, so that many gateways do not try again at the same moment. */
const chance = (): number => Number.parseInt(sha256(randomId()).slice(0, 8), 16) / 2 ** 32

const notSent = () => new GatewayError('cancelled', 'it ended before it was sent')

/** The result. @throws GatewayError cancelled: as soon as the signal aborts */
async function unlessAborted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  const over = Promise.withResolvers<never>()
  const stop = (): void => over.reject(notSent())
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([over.promise, work])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

const closeLate = (result: unknown): void => {
  // It tells of its end only when its data is taken.
  if (result instanceof Duplex) result.resume().destroy()
}

import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Reply } from './proxmox-wire.ts'

const firstPauseMs = 2000
const longestPauseMs = 60_000
/** An answer that no other node is asked for comes within a second; a node that hangs shall not use up the whole time. */
const answersWithinMs = 10_000

interface Trouble {
  readonly untilMs: number
  readonly pauseMs: number
}

/** One read. */
export interface Wanted {
  readonly path: string
  /** By the clock's elapsedMs. */
  readonly untilMs: number
}

/** The API URLs of one cluster: which is asked next. All nodes of a cluster answer for the whole of it. */
export class ProxmoxEndpoints {
  readonly #id: string
  readonly #urls: readonly string[]
  readonly #clock: Clock
  readonly #troubles = new Map<string, Trouble>()
  #answeredLast: string | undefined

  constructor(id: string, urls: readonly string[], clock: Clock) {
    this.#id = id
    this.#urls = urls
    this.#clock = clock
  }

  /** For reads: one after the other until one answers; one that failed lately comes last. @throws GatewayError of the first */
  async firstThatAnswers(wanted: Wanted, ask: (url: string, untilMs: number) => Promise<Reply>): Promise<Reply> {
    const { path, untilMs } = wanted
    const failures: GatewayError[] = []
    let refused: Reply | undefined
    for (const url of this.#inOrder()) {
      try {
        const reply = await ask(url, this.#shareOf(wanted))
        if (!isGone(reply) || namesNode(path)) return this.#answered(url, reply)
        refused ??= reply
      } catch (error) {
        const failure = GatewayError.from(error)
        if (!worthAnother.has(failure.code)) throw failure
        failures.push(failure)
      }
      this.#failed(url)
      if (this.#clock.elapsedMs() >= untilMs) break
    }
    if (refused !== undefined) return refused
    throw this.#nobody(failures)
  }

  /** For writes: the one that answered last, or the first. Never another one. */
  async theOne(ask: (url: string) => Promise<Reply>): Promise<Reply> {
    const [url] = this.#inOrder()
    if (url === undefined) throw this.#nobody([])
    try {
      return this.#answered(url, await ask(url))
    } catch (error) {
      if (GatewayError.from(error).code === 'unreachable') this.#failed(url)
      throw error
    }
  }

  #shareOf({ path, untilMs }: Wanted): number {
    if (this.#urls.length === 1 || namesNode(path)) return untilMs
    return Math.min(untilMs, this.#clock.elapsedMs() + answersWithinMs)
  }

  #inOrder(): readonly string[] {
    const rank = (url: string): number => {
      const { untilMs } = this.#troubles.get(url) ?? { untilMs: 0 }
      if (untilMs > this.#clock.elapsedMs()) return untilMs
      return url === this.#answeredLast ? -1 : 0
    }
    return this.#urls.toSorted((a, b) => rank(a) - rank(b))
  }

  #answered(url: string, reply: Reply): Reply {
    this.#troubles.delete(url)
    this.#answeredLast = url
    return reply
  }

  #failed(url: string): void {
    const pauseMs = Math.min(longestPauseMs, (this.#troubles.get(url)?.pauseMs ?? firstPauseMs / 2) * 2)
    this.#troubles.set(url, { pauseMs, untilMs: this.#clock.elapsedMs() + pauseMs })
  }

  #nobody(failures: readonly GatewayError[]): GatewayError {
    const [first] = failures
    if (first === undefined)
      return new GatewayError('unreachable', `${this.#id} has no api_url`, {
        hint: `add connection.api_url of ${this.#id} to targets.yaml`,
      })
    if (failures.length === 1) return first
    const all = failures.map(({ message }) => message).join('; ')
    return new GatewayError(first.code, `none of ${failures.length} API URLs answers: ${all}`, {
      hint: first.hint,
      cause: first,
    })
  }
}

const worthAnother: ReadonlySet<string> = new Set(['unreachable', 'interrupted', 'timeout'])

/** A node that another one could not reach (Proxmox VE API, observed 9.2). */
const isGone = ({ status }: Reply): boolean => status >= 595 && status <= 599

/** A dead node is as dead from another one; only what no node was named for may be answered there. */
const namesNode = (path: string): boolean => /^\/nodes\/[^/?]+/.test(path)

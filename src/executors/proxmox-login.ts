import { z } from 'zod'
import type { ProxmoxConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import { type Clock, within } from '../lib/clock.ts'
import { parseJson } from '../lib/json.ts'
import { Secret } from '../lib/secret.ts'
import { outcomeOf } from './proxmox-outcome.ts'
import type { Reply } from './proxmox-wire.ts'

/** Who asks, for messages and accounts of tasks: the token `gw@pve!name` or the user `gw@pve`. */
export const askerOf = ({ tokenId, username }: ProxmoxConnection): string | undefined => tokenId ?? username

/** What a request bears to show who asks. */
export interface Shown {
  readonly headers: Readonly<Record<string, string>>
  /** Absent for an API token. */
  readonly ticket?: Ticket | undefined
  /** Whether nothing newer is to be had: a token, or a ticket made for this request. */
  readonly isFresh: boolean
}

/** Where a login would take place, and how long one may wait for it. */
export interface Visit {
  readonly baseUrl: string
  readonly method: string
  /** By the clock's elapsedMs. */
  readonly untilMs: number
  readonly signal?: AbortSignal | undefined
}

interface Ticket {
  readonly ticket: Secret
  readonly csrf: Secret
  readonly madeMs: number
}

/** What a login needs: its clock, and a way to send its parameters to `POST /access/ticket`. */
export interface LoginParts {
  readonly clock: Clock
  send(baseUrl: string, parameters: Readonly<Record<string, string>>): Promise<Reply>
}

/** A ticket is good for 2 h (Proxmox VE, User Management). */
const lifeMs = 2 * 3_600_000
const renewAfterMs = 1.5 * 3_600_000

/** Shows who asks: an API token with each request, or a ticket that a login gave, made when it is first needed and renewed in time. */
export class ProxmoxLogin {
  readonly #id: string
  readonly #connection: ProxmoxConnection
  readonly #parts: LoginParts
  readonly #pending = new Map<string, Promise<Ticket>>()
  #ticket: Ticket | undefined

  constructor(id: string, connection: ProxmoxConnection, parts: LoginParts) {
    this.#id = id
    this.#connection = connection
    this.#parts = parts
  }

  /** @throws GatewayError of a login that failed: nothing was sent but that. */
  async show(visit: Visit): Promise<Shown> {
    const { tokenId, tokenSecret, username, password } = this.#connection
    if (tokenId !== undefined && tokenSecret !== undefined)
      return { headers: { authorization: `PVEAPIToken=${tokenId}=${tokenSecret.reveal()}` }, isFresh: true }
    if (username === undefined || password === undefined) throw this.#nothingToShow()
    const ticket = this.#ticket
    if (ticket !== undefined && this.#ageMs(ticket) < renewAfterMs)
      return { headers: headersOf(ticket, visit.method), ticket, isFresh: false }
    return this.#fresh(visit)
  }

  /** After a ticket was rejected: another one, once. A ticket that somebody else got meanwhile serves as well. */
  async showAnew(visit: Visit, { ticket: rejected }: Shown): Promise<Shown> {
    if (this.#ticket === rejected) this.#ticket = undefined
    return this.show(visit)
  }

  async #fresh(visit: Visit): Promise<Shown> {
    const { clock } = this.#parts
    const { baseUrl, method, untilMs, signal } = visit
    const login = this.#pending.get(baseUrl) ?? this.#begin(baseUrl)
    const ms = Math.max(1, untilMs - clock.elapsedMs())
    const ticket = await within({ clock, ms, signal }, login)
    if (ticket !== undefined) return { headers: headersOf(ticket, method), ticket, isFresh: true }
    if (signal?.aborted) throw new GatewayError('cancelled', 'the caller cancelled')
    throw new GatewayError('unreachable', `the login at ${baseUrl} did not end within ${Math.round(ms)} ms`, {
      hint: 'nothing else was sent; constraints.timeout of the cluster is the limit',
    })
  }

  /** All calls that wait for a login at one node wait for the same one. */
  #begin(baseUrl: string): Promise<Ticket> {
    const login = this.#loggedIn(baseUrl).finally(() => this.#pending.delete(baseUrl))
    this.#pending.set(baseUrl, login)
    // Whoever waits hears of it; they may all have left.
    login.catch(() => undefined)
    return login
  }

  async #loggedIn(baseUrl: string): Promise<Ticket> {
    const { username = '', password = new Secret('') } = this.#connection
    const old = this.#ticket
    const renewed = old && this.#ageMs(old) < lifeMs ? await this.#ask(baseUrl, username, old.ticket) : undefined
    const reply = renewed?.status === 200 ? renewed : await this.#ask(baseUrl, username, password)
    this.#ticket = ticketIn(reply, username, this.#parts.clock.elapsedMs())
    return this.#ticket
  }

  async #ask(baseUrl: string, username: string, password: Secret): Promise<Reply> {
    try {
      return await this.#parts.send(baseUrl, { username, password: password.reveal() })
    } catch (error) {
      throw notLoggedIn(error)
    }
  }

  #ageMs({ madeMs }: Ticket): number {
    return this.#parts.clock.elapsedMs() - madeMs
  }

  #nothingToShow(): GatewayError {
    return new GatewayError('credentials_rejected', `${this.#id} has no API token`, {
      hint: 'make one with pveum user token add USER@REALM NAME, and set token_id and token_secret, or username and password',
    })
  }
}

function headersOf({ ticket, csrf }: Ticket, method: string): Readonly<Record<string, string>> {
  const cookie = `PVEAuthCookie=${encodeURIComponent(ticket.reveal())}`
  return method === 'GET' ? { cookie } : { cookie, csrfpreventiontoken: csrf.reveal() }
}

/** Whatever became of the login, what it was for is not sent: a lost login must not look like a lost change. */
function notLoggedIn(error: unknown): GatewayError {
  const { code, message, hint } = GatewayError.from(error)
  if (code !== 'interrupted' && code !== 'timeout') return GatewayError.from(error)
  return new GatewayError('unreachable', `the login failed: ${message}`, {
    hint: code === 'timeout' ? hint : 'nothing else was sent; is the node well?',
    cause: error,
  })
}

const loginReply = z.object({
  data: z.object({
    ticket: z.string().min(1),
    CSRFPreventionToken: z.string().optional(),
    NeedTFA: z.unknown().optional(),
  }),
})

/** @throws GatewayError credentials_rejected, unreachable, unexpected_reply */
function ticketIn(reply: Reply, username: string, madeMs: number): Ticket {
  const outcome = outcomeOf(reply, { request: { method: 'GET', path: '/access/ticket' }, asker: username })
  if (!outcome.ok)
    throw new GatewayError('unreachable', `the login of ${username} failed: ${outcome.errorOutput}`, {
      hint: 'nothing else was sent; on a node, systemctl status pvedaemon tells how its API is',
    })
  const { data } = loginReply.safeParse(parseJson(outcome.output)).data ?? {}
  if (Number(data?.NeedTFA ?? 0) === 1 || data?.ticket.startsWith('PVE:!tfa!')) throw needsSecondFactor(username)
  if (data?.CSRFPreventionToken === undefined)
    throw new GatewayError('unexpected_reply', `the answer to the login of ${username} has no ticket`, {
      hint: 'does api_url name a Proxmox VE node and its port 8006?',
    })
  return { ticket: new Secret(data.ticket), csrf: new Secret(data.CSRFPreventionToken), madeMs }
}

const needsSecondFactor = (username: string) =>
  new GatewayError('credentials_rejected', `${username} needs a second factor to log in, which is not supported`, {
    hint: `make an API token, which needs none: pveum user token add ${username} NAME; then set token_id and token_secret`,
  })

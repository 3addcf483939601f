import type { Socket } from 'node:net'
import type { ProxmoxConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Request } from '../core/operation.ts'
import { type Clock, within } from '../lib/clock.ts'
import { follow } from '../lib/follow.ts'
import { version } from '../lib/version.ts'
import { connectTo } from './http-connect.ts'
import { type Place, placeOf } from './http-path.ts'
import { ProxmoxEndpoints } from './proxmox-endpoints.ts'
import { ProxmoxLogin, type Shown } from './proxmox-login.ts'
import { asParameters } from './proxmox-parameters.ts'
import { ProxmoxSockets } from './proxmox-sockets.ts'
import { type Ask, exchange, type Reply } from './proxmox-wire.ts'

/** How long an answer may take, and how long it may be. */
export interface Patience {
  readonly signal?: AbortSignal | undefined
  /** By the clock's elapsedMs. */
  readonly untilMs: number
  readonly maxOutputBytes: number
}

/** The API of one cluster, through any of its nodes. */
export interface ProxmoxApi {
  /** Reads go to the next node when one cannot be reached. @throws GatewayError */
  read(path: string, patience: Patience): Promise<Reply>
  /** Goes to the node that answered last, on a connection of its own, once. @throws GatewayError */
  write(request: Request, patience: Patience): Promise<Reply>
  close(): void
}

/** Opens nothing yet. */
export function proxmoxApi(id: string, connection: ProxmoxConnection, clock: Clock): ProxmoxApi {
  const sockets = new ProxmoxSockets()
  const endpoints = new ProxmoxEndpoints(id, connection.apiUrls, clock)
  const closed = new AbortController()
  const line = { connection, clock, sockets, many: connection.apiUrls.length > 1 }
  const login = new ProxmoxLogin(id, connection, {
    clock,
    send(baseUrl, body) {
      const patience = { signal: closed.signal, untilMs: clock.elapsedMs() + loginWithinMs, maxOutputBytes: 64 * 1024 }
      const request: Request = { kind: 'request', method: 'POST', path: '/access/ticket', body }
      return exchanged({ ...line, baseUrl, request, patience }, {})
    },
  })
  return {
    read: (path, patience) =>
      endpoints.firstThatAnswers({ path, untilMs: patience.untilMs }, (baseUrl, untilMs) => {
        const request: Request = { kind: 'request', method: 'GET', path }
        return send(login, { ...line, baseUrl, request, patience: { ...patience, untilMs } })
      }),
    write: (request, patience) => endpoints.theOne((baseUrl) => send(login, { ...line, baseUrl, request, patience })),
    close() {
      closed.abort()
      sockets.close()
    },
  }
}

/** One that is refused takes 3 s. */
const loginWithinMs = 15_000

interface Sending {
  readonly connection: ProxmoxConnection
  readonly clock: Clock
  readonly sockets: ProxmoxSockets
  readonly many: boolean
  readonly baseUrl: string
  readonly request: Request
  readonly patience: Patience
}

/** A ticket that is rejected did nothing: the request is sent once more, with another one. */
async function send(login: ProxmoxLogin, sending: Sending): Promise<Reply> {
  const { baseUrl, request, patience } = sending
  const visit = { baseUrl, method: request.method, untilMs: patience.untilMs, signal: patience.signal }
  const shown = await login.show(visit)
  const reply = await exchanged(sending, shown.headers)
  if (reply.status !== 401 || shown.isFresh) return reply
  return exchanged(sending, (await login.showAnew(visit, shown)).headers)
}

async function exchanged(sending: Sending, shown: Shown['headers']): Promise<Reply> {
  const ask = askOf(sending, shown)
  const kept = ask.method === 'GET' ? sending.sockets.take(sending.baseUrl) : undefined
  if (kept !== undefined) {
    try {
      return await answered(sending, kept, ask)
    } catch (error) {
      // The peer may have closed it just now: a read may be repeated on a connection that is certainly open.
      if (GatewayError.from(error).code !== 'interrupted') throw error
    }
  }
  return answered(sending, await connected(sending, ask.place), ask)
}

async function answered({ clock, patience, sockets, baseUrl }: Sending, socket: Socket, ask: Ask): Promise<Reply> {
  const began = clock.elapsedMs()
  const asked = exchange(socket, ask)
  const reply = await within({ clock, ms: leftOf(patience, clock), signal: patience.signal }, asked)
  if (reply !== undefined) {
    sockets.give(baseUrl, socket)
    return reply
  }
  // On the peer too this ends what was not complete.
  socket.destroy()
  asked.catch(() => undefined)
  throw patience.signal?.aborted ? cancelled() : late(ask.place, clock.elapsedMs() - began)
}

async function connected({ connection, clock, patience, many }: Sending, place: Place): Promise<Socket> {
  const { signal } = patience
  if (signal?.aborted) throw cancelled()
  const ms = Math.min(connection.connectTimeoutMs ?? (many ? 4000 : 10_000), leftOf(patience, clock))
  const over = follow(signal)
  try {
    const connecting = connectTo(
      place,
      { ...connection.tls, settings: settingsOf(many, connection.tls.fingerprints ?? []) },
      over.signal,
    )
    const socket = await within({ clock, ms, signal }, connecting)
    if (socket !== undefined) return socket
    connecting.then(
      (unused) => unused.destroy(),
      () => undefined,
    )
    over.abort()
    if (signal?.aborted) throw cancelled()
    throw new GatewayError('unreachable', `${place.authority} gave no connection within ${Math.round(ms)} ms`, {
      hint: 'is the node up, and does a firewall let port 8006 through? connection.timeout is the limit',
    })
  } finally {
    over.release()
  }
}

/** Every node has a certificate of its own, signed by the cluster's authority (Proxmox VE, observed 9.2): a further one is added. */
const settingsOf = (many: boolean, known: readonly string[]) => ({
  url: 'api_url',
  pin(found: string) {
    const pins = (many ? [...known, found] : [found]).map((pin) => JSON.stringify(pin))
    const line = `fingerprint: ${pins.length === 1 ? pins[0] : `[${pins.join(', ')}]`}`
    if (!many) return line
    return `${line} (each node has its own; for all nodes a copy of their /etc/pve/pve-root-ca.pem as ca_file)`
  },
})

const leftOf = ({ untilMs }: Patience, clock: Clock): number => Math.max(1, untilMs - clock.elapsedMs())

const cancelled = () => new GatewayError('cancelled', 'the caller cancelled')

const late = ({ authority }: Place, ms: number) =>
  new GatewayError('timeout', `${authority} gave no answer within ${Math.round(ms)} ms`, {
    hint: 'constraints.timeout of the cluster is the limit',
  })

function askOf({ baseUrl, request, patience }: Sending, shown: Shown['headers']): Ask {
  const { path, body } = asParameters(request)
  const origin = baseUrl.replace(/\/api2(\/json)?$/, '')
  return {
    method: request.method,
    place: placeOf(origin, `/api2/json${path}`),
    headers: {
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': `tailops/${version}`,
      ...shown,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body,
    maxBytes: patience.maxOutputBytes,
  }
}

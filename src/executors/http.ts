import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { HttpConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor, Limits } from '../core/executor.ts'
import type { Operation, Outcome, Request } from '../core/operation.ts'
import { type Clock, within } from '../lib/clock.ts'
import { follow } from '../lib/follow.ts'
import { version } from '../lib/version.ts'
import { bodyOf } from './http-body.ts'
import { clientRefused, codeOf, connectTo } from './http-connect.ts'
import { type Place, placeOf } from './http-path.ts'

const connectWithinMs = 10_000

/** Performs requests on one HTTP service, each on a connection of its own. Redirects are answers: none is followed. */
export function openHttp(id: string, connection: HttpConnection, clock: Clock): Executor {
  return {
    async perform(operation, limits) {
      const request = requestOf(operation)
      if (limits.signal.aborted) throw new GatewayError('cancelled', 'the caller cancelled before it began')
      const place = placeOf(baseUrlOf(id, connection), request.path)
      return send({ place, connection, request, limits, clock })
    },
    reconcile: async (_operation, { ref }) => ({
      state: 'unknown',
      reason: `an HTTP service keeps no account of requests${ref === undefined ? '' : `; this one was sent from ${ref}`}`,
    }),
    async close() {
      // Nothing is kept open between operations.
    },
  }
}

function requestOf(operation: Operation): Request {
  if (operation.kind === 'request') return operation
  throw new GatewayError('internal', `an HTTP service performs requests, no ${operation.kind}s`)
}

function baseUrlOf(id: string, { baseUrl }: HttpConnection): string {
  if (baseUrl !== undefined) return baseUrl
  throw new GatewayError('unreachable', `${id} has no base_url`, {
    hint: `add connection.base_url of ${id} to targets.yaml`,
  })
}

interface Sending {
  readonly place: Place
  readonly connection: HttpConnection
  readonly request: Request
  readonly limits: Limits
  readonly clock: Clock
}

async function send(sending: Sending): Promise<Outcome> {
  const { limits, clock } = sending
  const began = clock.elapsedMs()
  const socket = await connected(sending)
  if (limits.step !== undefined) limits.onRef?.(`${socket.localAddress}:${socket.localPort}`)
  const leftMs = Math.max(1, limits.timeoutMs - (clock.elapsedMs() - began))
  try {
    const answer = exchange(sending, socket)
    const outcome = await within({ clock, ms: leftMs, signal: limits.signal }, answer).catch((error: unknown) => {
      throw limits.signal.aborted ? cancelled() : error
    })
    if (outcome !== undefined) return { ...outcome, durationMs: clock.elapsedMs() - began }
    answer.catch(() => undefined)
    throw limits.signal.aborted ? cancelled() : late(limits.timeoutMs)
  } finally {
    // On the peer too this ends what was not complete.
    socket.destroy()
  }
}

const cancelled = () => new GatewayError('cancelled', 'the caller cancelled')

const late = (ms: number) =>
  new GatewayError('timeout', `no end within ${ms} ms`, { hint: 'constraints.timeout of the target is the limit' })

async function connected({ place, connection, limits, clock }: Sending): Promise<Socket> {
  const ms = Math.min(connection.connectTimeoutMs ?? connectWithinMs, limits.timeoutMs)
  const over = follow(limits.signal)
  try {
    const connecting = connectTo(place, connection.tls, over.signal)
    const socket = await within({ clock, ms, signal: limits.signal }, connecting)
    if (socket !== undefined) return socket
    connecting.then(
      (unused) => unused.destroy(),
      () => undefined,
    )
    over.abort()
    if (limits.signal.aborted) throw cancelled()
    throw new GatewayError('unreachable', `${place.authority} gave no connection within ${ms} ms`, {
      hint: 'is the machine up, and does a firewall let the port through? connection.timeout is the limit',
    })
  } finally {
    over.release()
  }
}

type Answered = Omit<Outcome, 'durationMs'>

/** Sends the request on a connection that is already judged, and reads the answer. */
async function exchange(sending: Sending, socket: Socket): Promise<Answered> {
  const { place } = sending
  try {
    return await answerOf(sending, await responseTo(sending, socket))
  } catch (error) {
    if (error instanceof GatewayError) throw error
    const code = codeOf(error)
    if (/ALERT/.test(code) && error instanceof Error) throw clientRefused(place.authority, error)
    if (code.startsWith('HPE_')) throw notHttp(place, error)
    throw new GatewayError(
      'interrupted',
      `${place.authority} broke off the connection before its answer was complete`,
      {
        hint: 'it may have done what was asked: look before repeating it',
        cause: error,
      },
    )
  }
}

const notHttp = ({ authority }: Place, cause: unknown) =>
  new GatewayError('interrupted', `${authority} did not answer in HTTP`, {
    hint: 'does base_url name the right protocol (http or https) and port?',
    cause,
  })

function responseTo({ place, connection, request }: Sending, socket: Socket): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed')))
    if (socket.destroyed) return reject(new Error('closed'))
    const text = request.body === undefined ? undefined : JSON.stringify(request.body)
    const asking = prepared({ place, connection, request, socket, text })
    asking.on('error', reject)
    asking.on('response', resolve)
    asking.end(text)
  })
}

interface Prepared extends Pick<Sending, 'place' | 'connection' | 'request'> {
  readonly socket: Socket
  readonly text: string | undefined
}

function prepared({ place, connection, request, socket, text }: Prepared): ClientRequest {
  const headers = headersOf(connection, place, text)
  if (text === undefined && !['GET', 'HEAD'].includes(request.method)) headers['content-length'] = '0'
  try {
    const { method } = request
    return httpRequest({ createConnection: () => socket, method, path: place.path, headers })
  } catch (error) {
    throw new GatewayError('credentials_rejected', `a header cannot be sent: ${codeOf(error)}`, {
      hint: 'token, basic and headers in targets.yaml may hold visible ASCII only, no line ends',
    })
  }
}

/** The only place where secrets of the target are revealed. Names in lower case: each is sent once. */
function headersOf(connection: HttpConnection, { authority }: Place, text: string | undefined): Record<string, string> {
  const { token, basic, headers } = connection
  const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()] as const)
  const login = basic && Buffer.from(`${basic.username}:${basic.password.reveal()}`).toString('base64')
  return {
    accept: 'application/json, */*;q=0.5',
    'user-agent': `tailops/${version}`,
    ...Object.fromEntries(own),
    host: authority,
    'accept-encoding': 'identity',
    connection: 'close',
    ...(login !== undefined && { authorization: `Basic ${login}` }),
    ...(token !== undefined && { authorization: `Bearer ${token.reveal()}` }),
    ...(text !== undefined && {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
    }),
  }
}

async function answerOf({ request: { method }, limits }: Sending, response: IncomingMessage): Promise<Answered> {
  const status = response.statusCode ?? 0
  const { location } = response.headers
  const lead = status >= 300 && status < 400 && location !== undefined ? `Location: ${location}\n` : ''
  const { text, truncated } = await bodyOf(response, { method, lead, maxBytes: limits.maxOutputBytes })
  return { ok: status >= 200 && status < 400, status, output: text, errorOutput: '', truncated }
}

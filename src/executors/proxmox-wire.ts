import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { GatewayError } from '../core/errors.ts'
import type { Request } from '../core/operation.ts'
import { bodyOf } from './http-body.ts'
import { clientRefused, codeOf } from './http-connect.ts'
import type { Place } from './http-path.ts'

/** One request, ready to be sent. */
export interface Ask {
  readonly method: Request['method']
  readonly place: Place
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly maxBytes: number
}

/** One answer. */
export interface Reply {
  readonly status: number
  /** The reason phrase: the first line of the error text (Proxmox VE API, observed 9.2). */
  readonly reason: string
  readonly text: string
  readonly truncated: boolean
  readonly location?: string | undefined
  readonly server?: string | undefined
  /** The clock of who answered. */
  readonly date?: Date | undefined
}

/**
 * Asks on a connection that is already judged. The connection outlives it only if the peer keeps it open and nothing is left unread.
 * @throws GatewayError interrupted, credentials_rejected
 */
export async function exchange(socket: Socket, ask: Ask): Promise<Reply> {
  try {
    const asking = prepared(socket, ask)
    const over = new Promise<void>((resolve) => asking.on('close', resolve))
    const reply = await replyOf(await responseTo(socket, asking, ask.body), ask)
    if (reply.truncated) socket.destroy()
    // Only then the parser has let go of the connection.
    await over
    return reply
  } catch (error) {
    socket.destroy()
    throw failureOf(ask.place, error)
  }
}

function prepared(socket: Socket, { method, place, headers, body }: Ask): ClientRequest {
  const length = body === undefined ? undefined : Buffer.byteLength(body)
  const sized = length !== undefined || ['POST', 'PUT', 'PATCH'].includes(method)
  try {
    return httpRequest({
      createConnection: () => socket,
      method,
      path: place.path,
      headers: {
        ...headers,
        host: place.authority,
        connection: 'keep-alive',
        ...(sized && { 'content-length': String(length ?? 0) }),
      },
    })
  } catch (error) {
    throw new GatewayError('credentials_rejected', `the token cannot be sent: ${codeOf(error)}`, {
      hint: 'token_id and token_secret may hold visible ASCII only, no line ends',
    })
  }
}

function responseTo(socket: Socket, asking: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const closed = () => reject(new Error('closed'))
    asking.on('error', reject)
    asking.on('response', (response) => {
      socket.off('close', closed)
      resolve(response)
    })
    socket.once('close', closed)
    asking.once('close', () => socket.off('close', closed))
    if (socket.destroyed) return closed()
    asking.end(body)
  })
}

async function replyOf(response: IncomingMessage, { method, maxBytes }: Ask): Promise<Reply> {
  const { statusCode = 0, statusMessage = '', headers } = response
  const { text, truncated } = await bodyOf(response, { method, lead: '', maxBytes })
  if (!truncated && !response.complete) throw new Error('the answer is not complete')
  const date = new Date(headers.date ?? Number.NaN)
  return {
    status: statusCode,
    reason: statusMessage,
    text,
    truncated,
    location: headers.location,
    server: [headers.server].flat()[0],
    date: Number.isNaN(date.getTime()) ? undefined : date,
  }
}

function failureOf({ authority, secure }: Place, error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  const code = codeOf(error)
  if (/ALERT/.test(code) && error instanceof Error) return clientRefused(authority, error)
  if (code.startsWith('HPE_'))
    return new GatewayError('interrupted', `${authority} did not answer in HTTP`, {
      hint: 'does api_url name the right protocol and port (https, 8006)?',
      cause: error,
    })
  return new GatewayError('interrupted', `${authority} broke off the connection before its answer was complete`, {
    hint: `it may have done what was asked: look before repeating it${secure ? '' : '; if it speaks TLS, write api_url with https://'}`,
    cause: error,
  })
}

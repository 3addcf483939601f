import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { GatewayError } from '../core/errors.ts'
import type { Place } from './http-path.ts'
import { checkName, isPinned, type JudgedTls, pinRefusal, serverNameOf, trustRefusal } from './http-trust.ts'

/**
 * A connection on which the peer is who it should be; nothing was sent on it yet. Proxy variables play no part.
 * @throws GatewayError unreachable, credentials_rejected; the signal's end as `cancelled`
 */
export async function connectTo(place: Place, rules: JudgedTls, signal: AbortSignal): Promise<Socket> {
  if (!place.secure) {
    const opening = opened(place, signal, 'connect', () => connectTcp({ host: place.host, port: place.port }))
    return opening.catch((error: unknown) => {
      throw inSettingsOf(rules, error)
    })
  }
  const options = tlsOptions(place, rules)
  const socket = await opened(place, signal, 'secureConnect', () => startTls(options)).catch(async (error: unknown) => {
    throw inSettingsOf(rules, await refusedBy(place, rules, error))
  })
  const refusal = isPinned(rules) ? pinRefusal(place, rules, socket.getPeerCertificate()) : undefined
  if (refusal === undefined) return socket
  socket.destroy()
  throw refusal
}

/** The hints below speak of base_url; other kinds of targets name it otherwise. */
function inSettingsOf({ settings }: JudgedTls, error: unknown): unknown {
  if (settings === undefined || !(error instanceof GatewayError) || error.hint === undefined) return error
  const hint = error.hint.replaceAll('base_url', settings.url)
  return new GatewayError(error.code, error.message, { hint, cause: error.cause })
}

function startTls(options: ConnectionOptions): TLSSocket {
  try {
    return connectTls(options)
  } catch (error) {
    throw new GatewayError('unreachable', `the files under tls cannot be used: ${codeOf(error)}`, {
      hint: 'ca_file, cert_file and key_file are PEM files, and the key is that of the certificate',
      cause: error,
    })
  }
}

async function refusedBy(place: Place, rules: JudgedTls, error: unknown): Promise<unknown> {
  const cause = error instanceof GatewayError ? error.cause : undefined
  return (cause instanceof Error ? await trustRefusal(place, rules, cause) : undefined) ?? error
}

/** With a pinned certificate the chain need not verify: only the pin counts. */
function tlsOptions(place: Place, rules: JudgedTls): ConnectionOptions {
  return {
    host: place.host,
    port: place.port,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: rules.verify && !isPinned(rules),
    checkServerIdentity: checkName(place, rules),
    ...serverNameOf(place, rules),
    ...(rules.caFile !== undefined && { ca: fileOf('ca_file', rules.caFile) }),
    ...(rules.certFile !== undefined && { cert: fileOf('cert_file', rules.certFile) }),
    ...(rules.keyFile !== undefined && { key: fileOf('key_file', rules.keyFile) }),
  }
}

function fileOf(key: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new GatewayError('unreachable', `cannot read tls.${key} ${path}: ${codeOf(error)}`, {
      hint: 'the user that the gateway runs as must be able to read it',
      cause: error,
    })
  }
}

function opened<S extends Socket | TLSSocket>(
  place: Place,
  signal: AbortSignal,
  event: string,
  open: () => S,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const socket = open()
    const end = () => {
      signal.removeEventListener('abort', stop)
      socket.off('close', closed)
      socket.off('error', fail)
      // Who uses the connection hears of its errors as well; between the two nobody may.
      socket.on('error', () => undefined)
    }
    const stop = () => {
      end()
      socket.destroy()
      reject(new GatewayError('cancelled', 'the caller cancelled before it was sent'))
    }
    const fail = (error: Error) => {
      end()
      reject(unreachable(place, error))
    }
    const closed = () => fail(new Error('it closed the connection at once'))
    signal.addEventListener('abort', stop, { once: true })
    socket.on('error', fail)
    socket.on('close', closed)
    socket.once(event, () => {
      end()
      resolve(socket)
    })
  })
}

const meanings: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ECONNREFUSED: ['refuses the connection', 'is the service running, and is the port of base_url right?'],
  ENOTFOUND: ['is a name that cannot be resolved', 'correct the host in base_url, or the DNS of the gateway'],
  EAI_AGAIN: ['cannot be resolved now: DNS does not answer', 'check the DNS of the gateway'],
  EHOSTUNREACH: ['cannot be reached: no route to the host', 'is the machine up, and its network reachable from here?'],
  ENETUNREACH: ['cannot be reached: no route to its network', 'is its network reachable from the gateway?'],
  ETIMEDOUT: ['does not answer', 'is the machine up, and does a firewall let the port through?'],
  ECONNRESET: ['closed the connection before anything was sent', 'does base_url name the right protocol and port?'],
}

function unreachable({ authority, secure }: Place, error: Error): GatewayError {
  const code = codeOf(error)
  if (/ALERT|HANDSHAKE_FAILURE/.test(code)) return clientRefused(authority, error)
  const protocol = /EPROTO|WRONG_VERSION|PACKET_LENGTH|HTTP_REQUEST/.test(code)
  const [what, hint] = meanings[code] ?? [
    secure && protocol ? 'does not speak TLS' : `cannot be reached: ${error.message}`,
    secure ? 'if it speaks plain HTTP, write base_url: http://…' : 'check base_url',
  ]
  return new GatewayError('unreachable', `${authority} ${what}`, { hint, cause: error })
}

/** The peer broke off the TLS handshake because of what we showed, or did not show. */
export const clientRefused = (authority: string, cause: Error): GatewayError =>
  new GatewayError('credentials_rejected', `${authority} did not accept our TLS certificate, or asks for one`, {
    hint: 'give tls: { cert_file: …, key_file: … } in targets.yaml',
    cause,
  })

/** The code of a system or TLS error, of its first part when several addresses were tried. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  return error instanceof AggregateError ? codeOf(error.errors[0]) : error.message
}

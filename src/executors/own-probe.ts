import { X509Certificate } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as startTls, type TLSSocket } from 'node:tls'
import { GatewayError } from '../core/errors.ts'
import type { Limits } from '../core/executor.ts'
import type { Operation, Outcome, Request } from '../core/operation.ts'
import { type Clock, within } from '../lib/clock.ts'
import { version } from '../lib/version.ts'

/** How a probe reaches out from where its target stands. */
export interface ProbeWay {
  readonly clock: Clock
  /** @throws an error of the connection */
  dial(address: string, port: number): Promise<Duplex>
}

/** Probes that the gateway makes by itself, for targets without the programs: `probe:tls?address=192.0.2.1&port=443&name=example.org`. */
export const isProbe = (operation: Operation): operation is Request =>
  operation.kind === 'request' && operation.path.startsWith('probe:')

/** Bytes of a body that are counted and dropped. */
const mostBytes = 10 * 1024 * 1024

/**
 * Connects (`probe:tcp`), shakes hands by TLS (`probe:tls`) or makes one request (`probe:http`) with an address that was checked before. The output is
 * JSON of what was seen; a peer that does not answer is `said`, not an error. @throws GatewayError timeout, cancelled, unsupported_target
 */
export async function performProbe(request: Request, limits: Limits, way: ProbeWay): Promise<Outcome> {
  const { clock } = way
  const began = clock.elapsedMs()
  const { pathname, searchParams } = new URL(request.path)
  const probe = { way, asked: searchParams, method: request.method, opened: new Set<Duplex>() }
  try {
    const see = { tls: seeTls, http: seeHttp, tcp: seeTcp }[pathname]
    if (see === undefined) throw new GatewayError('internal', `there is no probe ${pathname}`)
    const seeing: Promise<object> = see(probe)
    const seen = await within({ clock, ms: limits.timeoutMs, signal: limits.signal }, seeing.catch(saidBy))
    if (seen === undefined)
      throw limits.signal.aborted
        ? new GatewayError('cancelled', 'the caller cancelled')
        : new GatewayError('timeout', `nothing came within ${limits.timeoutMs} ms`)
    const output = JSON.stringify(seen)
    return { ok: true, status: 0, output, errorOutput: '', truncated: false, durationMs: clock.elapsedMs() - began }
  } finally {
    for (const stream of probe.opened) stream.destroy()
  }
}

interface Probe {
  readonly way: ProbeWay
  readonly asked: URLSearchParams
  readonly method: Request['method']
  readonly opened: Set<Duplex>
}

/** A peer that does not answer is a finding; that nothing can be asked is an error. */
function saidBy(error: unknown): { readonly said: string } {
  if (error instanceof GatewayError) throw error
  return { said: error instanceof Error ? error.message : String(error) }
}

async function dialled({ way, asked, opened }: Probe): Promise<Duplex> {
  const stream = await way.dial(asked.get('address') ?? '', Number(asked.get('port')))
  opened.add(stream)
  // Who uses it hears of its errors as well; between the two nobody may.
  stream.on('error', () => undefined)
  return stream
}

async function seeTcp(probe: Probe) {
  await dialled(probe)
  return { connected: true }
}

/** A connection from the machine that the gateway runs on. Which address may be asked was decided by who asks. */
export const dialFromHere = (address: string, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: address, port })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })

/** Whatever the certificate is, it is looked at. */
function encrypted(stream: Duplex, name: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = startTls({
      socket: stream,
      ...(isIP(name) === 0 && { servername: name }),
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ALPNProtocols: ['http/1.1'],
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('it closed the connection during the handshake')))
    socket.once('secureConnect', () => resolve(socket))
  })
}

async function seeTls(probe: Probe) {
  const name = probe.asked.get('name') ?? ''
  const socket = await encrypted(await dialled(probe), name)
  const certificate = certificateOf(socket)
  if (certificate === undefined) return { said: 'it showed no certificate' }
  const names = (certificate.subjectAltName ?? '').split(', ').filter((one) => one !== '')
  return {
    certificate: {
      subject: nameText(certificate.subject),
      issuer: nameText(certificate.issuer),
      names: names.map((one) => one.replace(/^(DNS|IP Address):/, '')),
      not_before: new Date(certificate.validFrom).toISOString(),
      not_after: new Date(certificate.validTo).toISOString(),
      serial: certificate.serialNumber,
      sha256: certificate.fingerprint256,
      chain_length: chainLength(socket),
      protocol: socket.getProtocol() ?? '',
      verify: verdictOn(socket),
      is_for_name: isFor(certificate, name),
    },
  }
}

function certificateOf(socket: TLSSocket): X509Certificate | undefined {
  const { raw } = socket.getPeerCertificate()
  return raw === undefined ? undefined : new X509Certificate(raw)
}

/** `C=DE\nCN=web` as RFC 2253 has it: `CN=web,C=DE`. */
const nameText = (lines: string | undefined): string => (lines ?? '').split('\n').toReversed().join(',')

const isFor = (certificate: X509Certificate, name: string): boolean =>
  (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined

function chainLength(socket: TLSSocket): number {
  const seen = new Set<string>()
  for (let one = socket.getPeerCertificate(true); one?.fingerprint256 !== undefined; one = one.issuerCertificate) {
    if (seen.has(one.fingerprint256)) break
    seen.add(one.fingerprint256)
  }
  return seen.size
}

/** Codes of openssl-verification-options(1) for what Node names; 1 stands for another one. */
const codes: Readonly<Record<string, number>> = {
  CERT_NOT_YET_VALID: 9,
  CERT_HAS_EXPIRED: 10,
  DEPTH_ZERO_SELF_SIGNED_CERT: 18,
  SELF_SIGNED_CERT_IN_CHAIN: 19,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 20,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 21,
}

function verdictOn({ authorizationError: error }: TLSSocket): { readonly code: number; readonly text: string } {
  // Types promise an Error; Node gives its code, Bun the error itself.
  const given: unknown = error
  if (given === undefined || given === null) return { code: 0, text: 'ok' }
  const text = given instanceof Error && 'code' in given ? String(given.code) : String(given)
  return { code: codes[text] ?? 1, text }
}

async function seeHttp(probe: Probe) {
  const { way, asked, method } = probe
  const { clock } = way
  const began = clock.elapsedMs()
  const stream = await dialled(probe)
  const connectedMs = clock.elapsedMs()
  const name = asked.get('name') ?? ''
  const tls = asked.get('secure') === '1' ? await encrypted(stream, name) : undefined
  const readyMs = clock.elapsedMs()
  // The connection may be over when the answer is.
  const certificate = tls && trouble(tls, name)
  const request = { path: asked.get('path') ?? '/', host: asked.get('host') ?? name, method }
  const response = await answered(tls ?? stream, request)
  const firstByteMs = clock.elapsedMs()
  const bytes = await counted(response)
  return {
    certificate,
    response: {
      status: response.statusCode ?? 0,
      version: response.httpVersion,
      contentType: response.headers['content-type'] ?? '',
      location: response.headers.location ?? '',
      bytes,
      connectMs: connectedMs - began,
      tlsMs: tls && readyMs - connectedMs,
      firstByteMs: firstByteMs - readyMs,
      totalMs: clock.elapsedMs() - began,
    },
  }
}

function trouble(tls: TLSSocket, name: string): string | undefined {
  const { code, text } = verdictOn(tls)
  const certificate = certificateOf(tls)
  const other = certificate !== undefined && !isFor(certificate, name) ? `it is not for ${name}` : ''
  return [code === 0 ? '' : text, other].filter((part) => part !== '').join(', ') || undefined
}

interface Asked {
  readonly path: string
  readonly host: string
  readonly method: Request['method']
}

const answered = (stream: Duplex, { path, host, method }: Asked): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { host, 'user-agent': `tailops/${version}`, accept: '*/*', connection: 'close' }
    const asking = httpRequest({ createConnection: () => stream, method, path, headers })
    asking.on('error', reject)
    asking.on('response', resolve)
    stream.on('close', () => reject(new Error('it closed the connection before it answered')))
    asking.end()
  })

async function counted(response: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    if (bytes >= mostBytes) break
  }
  return bytes
}

import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { DockerConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import { type Clock, within } from '../lib/clock.ts'
import { follow } from '../lib/follow.ts'
import { channelTo, type EngineChannel } from './docker-over-ssh.ts'
import type { SshLink } from './ssh-link-on-demand.ts'

/** How an engine is reached: from here, or over the ssh connection to its machine. */
export interface EngineWay extends DockerConnection {
  readonly link?: SshLink | undefined
}

/** One engine. */
export interface Engine {
  readonly id: string
  readonly connection: EngineWay
  readonly clock: Clock
  /** Where it is, in messages. */
  readonly place: string
}

/** Where an engine is, in messages. */
export const placeOf = ({ host, socketPath, via, link }: EngineWay): string =>
  host ?? (link === undefined ? socketPath : `${socketPath} on ${via}`)

/** What carries one request to an engine. */
export interface EngineClient {
  readonly modem: Modem
  /** Why the request cannot have arrived, as far as the way itself knows. */
  refusal(): Promise<GatewayError | undefined>
  close(): void
}

type Modem = InstanceType<typeof import('dockerode')>['modem']

/**
 * A client for one request. Over ssh it is connected when this returns.
 * @throws GatewayError unreachable, credentials_rejected: nothing was sent
 */
export async function clientOf(engine: Engine, signal: AbortSignal, withinMs: number): Promise<EngineClient> {
  const { link } = engine.connection
  if (link === undefined) {
    const modem = await modemOf(engine, addressOf(engine))
    return { modem, refusal: async () => undefined, close: () => undefined }
  }
  const { stream, refusal } = await connected(engine, link, { signal, withinMs })
  // The request hears of its errors as well; before and after it nobody does.
  stream.on('error', () => undefined)
  // The whole answer may have come before anybody reads its end.
  const close = () => {
    stream.resume().destroy()
  }
  try {
    const agent = agentOver(stream)
    return { modem: await modemOf(engine, { host: 'http://docker', protocol: 'http', agent }), refusal, close }
  } catch (error) {
    close()
    throw error
  }
}

interface Patience {
  readonly signal: AbortSignal
  readonly withinMs: number
}

async function connected(engine: Engine, link: SshLink, { signal, withinMs }: Patience): Promise<EngineChannel> {
  const { clock, connection } = engine
  const { socketPath: path, via = '' } = connection
  const over = follow(signal)
  const opening = channelTo({ link, clock, path, via }, over.signal)
  const channel = await within({ clock, ms: withinMs, signal }, opening).finally(() => over.release())
  if (channel !== undefined) return channel
  over.abort()
  opening.then(
    ({ stream }) => stream.resume().destroy(),
    () => undefined,
  )
  throw new GatewayError('unreachable', `${engine.id}: no way through ${via} within ${withinMs} ms; nothing was sent`, {
    hint: `${via} is slow or busy; constraints.timeout of the target is the limit`,
  })
}

/** Gives this stream to the one request that is made with it, in the clothes of a socket. */
function agentOver(stream: EngineChannel['stream']): Agent {
  const chained = () => stream
  const socket = Object.assign(stream, {
    setKeepAlive: chained,
    setNoDelay: chained,
    setTimeout: chained,
    ref: chained,
    unref: chained,
    destroySoon: () => stream.end(),
  })
  const createConnection = () => {
    // What comes, and its end, is for the request alone, which listens from its next turn on.
    setImmediate(() => stream.resume())
    return socket
  }
  return Object.assign(new Agent({ keepAlive: false }), { createConnection })
}

async function modemOf({ place }: Engine, address: object): Promise<Modem> {
  // Heavy, and needed for Docker targets only.
  const { default: Docker } = await import('dockerode')
  try {
    return new Docker({ ...ownDefaults, ...address }).modem
  } catch (error) {
    throw new GatewayError('unreachable', `${place}: the environment of TailOps confuses its Docker client`, {
      hint: 'start it without DOCKER_HOST and DOCKER_CERT_PATH',
      cause: error,
    })
  }
}

/** All that the modem would otherwise take from DOCKER_HOST and the like: another engine must never answer for this one. */
const ownDefaults = {
  host: undefined,
  port: undefined,
  ca: undefined,
  cert: undefined,
  key: undefined,
  timeout: undefined,
  headers: { connection: 'close' },
}

function addressOf({ id, connection }: Engine) {
  const { host, socketPath, tlsVerify, certPath } = connection
  if (host === undefined) return { socketPath, protocol: 'http' as const }
  const url = URL.parse(host.replace(/^[a-z]+:\/\//, 'http://'))
  if (url === null) throw new GatewayError('unreachable', `${id}: ${host} is no address of a Docker engine`)
  if (!tlsVerify && certPath === undefined && !host.startsWith('https://')) {
    return { host: `http://${url.hostname}`, port: Number(url.port || 2375), protocol: 'http' as const }
  }
  const certificates = certPath === undefined ? {} : certificatesIn(certPath, { isChecking: tlsVerify })
  const agent = new SecureAgent({ keepAlive: false, rejectUnauthorized: tlsVerify, ...certificates })
  return { host: `https://${url.hostname}`, port: Number(url.port || 2376), protocol: 'https' as const, agent }
}

function certificatesIn(folder: string, { isChecking }: { readonly isChecking: boolean }) {
  const file = (name: string): Buffer => {
    try {
      return readFileSync(join(folder, name))
    } catch (error) {
      throw new GatewayError('credentials_rejected', `${join(folder, name)} cannot be read`, {
        hint: 'connection.cert_path is a folder with ca.pem, cert.pem and key.pem',
        cause: error,
      })
    }
  }
  const files = { ...(isChecking && { ca: file('ca.pem') }), cert: file('cert.pem'), key: file('key.pem') }
  try {
    createSecureContext(files)
    return files
  } catch (error) {
    throw new GatewayError('credentials_rejected', `the certificates in ${folder} cannot be used`, {
      hint: 'cert.pem and key.pem are PEM files, and the key is that of the certificate',
      cause: error,
    })
  }
}

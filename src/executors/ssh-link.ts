import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import type {
  AnyAuthMethod,
  Client,
  ClientCallback,
  ClientChannel,
  ConnectConfig,
  ServerHostKeyAlgorithm,
  utils,
} from 'ssh2'
import type { SshConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { HostKeys } from '../core/ports.ts'
import type { Clock } from '../lib/clock.ts'
import { connectFailure, execFailure, lostAtStart } from './ssh-failure.ts'
import { knownTypes, refusalOf } from './ssh-host-key.ts'

/** What a connection needs of its surroundings. */
export interface SshSurroundings {
  readonly clock: Clock
  /** SSH_AUTH_SOCK. */
  readonly agentSocket?: string | undefined
  /** Remembers host keys of `accept_new`. */
  readonly pins?: HostKeys | undefined
}

/** One authenticated connection. */
export interface SshSession {
  /** `attach` is called in the moment the channel opens: its end may come in the same packet. */
  exec<Attached>(line: string, attach: (channel: ClientChannel) => Attached): Promise<Attached>
  forward(host: string, port: number, attach: (channel: Duplex) => void): Promise<Duplex>
  forwardSocket(path: string, attach: (channel: Duplex) => void): Promise<Duplex>
  /** Called once, when it has ended for whatever reason. */
  onEnd(ended: () => void): void
  end(): void
}

/** A private key as ssh2 takes it; parsed once, since a passphrase costs 300 ms. */
export type PrivateKey = Exclude<ReturnType<typeof utils.parseKey>, Error>

/** Loaded when the first machine is reached: a gateway without any does without its memory and its 40 ms. */
const loadSsh2 = async () => (await import('ssh2')).default

/** Unless the target says otherwise. */
export const connectWithinMs = 10_000
const keepalive = { keepaliveInterval: 15_000, keepaliveCountMax: 3 }

const hostKeyTypes: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
]

/** The key of a connection. @throws GatewayError credentials_rejected */
export async function privateKeyOf(
  id: string,
  { keyPath, passphrase }: SshConnection,
): Promise<PrivateKey | undefined> {
  if (keyPath === undefined) return undefined
  const ssh2 = await loadSsh2()
  const key = ssh2.utils.parseKey(textOf(id, keyPath, 'credentials_rejected'), passphrase?.reveal())
  if (key instanceof Error) {
    throw new GatewayError('credentials_rejected', `${id}: the key ${keyPath} cannot be used: ${key.message}`, {
      hint: 'is it a private key, and is connection.passphrase the right one?',
    })
  }
  return key
}

/**
 * Connects and logs in, over `sock` if given.
 * @throws GatewayError unreachable, credentials_rejected
 */
export async function openSession(
  { id, connection, key, sock }: SessionWish,
  { agentSocket, pins }: SshSurroundings,
): Promise<SshSession> {
  const knownHosts = connection.knownHosts === undefined ? undefined : textOf(id, connection.knownHosts, 'unreachable')
  const ssh2 = await loadSsh2()
  const client = new ssh2.Client()
  return new Promise((resolve, reject) => {
    let refusal: GatewayError | undefined
    const fail = (error: unknown): void => {
      client.destroy()
      reject(refusal ?? connectFailure(id, connection, error))
    }
    client.on('error', (error) => {
      // Not the end: other ways to log in are tried after it.
      if ('level' in error && error.level === 'agent') refusal = connectFailure(id, connection, error)
      else fail(error)
    })
    client.on('close', () => fail(new Error('the connection was closed during the handshake')))
    client.on('ready', () => resolve(sessionOf(id, client)))
    const config: ConnectConfig = {
      host: connection.host,
      port: connection.port,
      username: connection.username,
      readyTimeout: connection.connectTimeoutMs ?? connectWithinMs,
      ...keepalive,
      algorithms: { serverHostKey: preferred(knownTypes(knownHosts ?? '', connection)) },
      hostVerifier: (shown: Buffer) => {
        refusal = refusalOf({ id, connection, knownHosts, pins }, shown)
        return refusal === undefined
      },
      ...(sock && { sock }),
      authHandler: [...waysToLogIn(connection, key, agentSocket)],
    }
    try {
      client.connect(config)
    } catch (error) {
      fail(error)
    }
  })
}

/** What to connect to, and by what. */
export interface SessionWish {
  readonly id: string
  readonly connection: SshConnection
  readonly key?: PrivateKey | undefined
  readonly sock?: Duplex | undefined
}

/** In the order in which they are tried. */
function waysToLogIn(
  { username, agent, password }: SshConnection,
  key: PrivateKey | undefined,
  agentSocket: string | undefined,
): readonly AnyAuthMethod[] {
  const socket = agent === true ? agentSocket : agent || undefined
  const secret = password?.reveal()
  return [
    ...(key === undefined ? [] : [{ type: 'publickey', username, key } as const]),
    ...(socket === undefined ? [] : [{ type: 'agent', username, agent: socket } as const]),
    ...(secret === undefined
      ? []
      : [
          { type: 'password', username, password: secret } as const,
          {
            type: 'keyboard-interactive',
            username,
            prompt: (_name, _instructions, _language, prompts, finish) => finish(prompts.map(() => secret)),
          } satisfies AnyAuthMethod,
        ]),
  ]
}

function sessionOf(id: string, client: Client): SshSession {
  const ended = new Set<() => void>()
  let isOver = false
  client.removeAllListeners('close')
  client.once('close', () => {
    isOver = true
    for (const tell of ended) tell()
  })
  return {
    exec: (line, attach) =>
      new Promise((resolve, reject) => {
        try {
          client.exec(line, (error, channel) => {
            if (error) reject(isOver ? lostAtStart(id, error) : execFailure(id, error))
            else resolve(attach(channel))
          })
        } catch (error) {
          reject(execFailure(id, error))
        }
      }),
    forward: (host, port, attach) =>
      opened(id, { place: `${host}:${port}`, attach }, (done) => client.forwardOut('127.0.0.1', 0, host, port, done)),
    forwardSocket: (path, attach) =>
      opened(id, { place: path, attach }, (done) => client.openssh_forwardOutStreamLocal(path, done)),
    onEnd: (tell) => ended.add(tell),
    end() {
      client.end()
      client.destroy()
    },
  }
}

interface Way {
  readonly place: string
  attach(channel: Duplex): void
}

/** A channel to somewhere beyond. @throws GatewayError unreachable */
function opened(id: string, { place, attach }: Way, open: (done: ClientCallback) => unknown): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) => reject(forwardFailure(id, place, error))
    try {
      open((error, channel) => {
        if (error) return refuse(error)
        attach(channel)
        resolve(channel)
      })
    } catch (error) {
      refuse(error)
    }
  })
}

const forwardFailure = (id: string, place: string, error: unknown) =>
  new GatewayError(
    'unreachable',
    `${id} opened no way to ${place}: ${error instanceof Error ? error.message : String(error)}`,
    {
      hint: 'can it reach that host, and does its sshd_config allow it (AllowTcpForwarding, AllowStreamLocalForwarding)?',
      cause: error,
    },
  )

/** Known types first: a host with several keys shows the first that both sides take. */
function preferred(known: readonly string[]): ServerHostKeyAlgorithm[] {
  const isKnown = (type: ServerHostKeyAlgorithm): boolean =>
    known.includes(type) || (type.startsWith('rsa-sha2') && known.includes('ssh-rsa'))
  return [...hostKeyTypes.filter(isKnown), ...hostKeyTypes.filter((type) => !isKnown(type))]
}

function textOf(id: string, path: string, code: 'unreachable' | 'credentials_rejected'): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new GatewayError(code, `${id}: ${path} cannot be read`, {
      hint: 'does it exist, and may the user that TailOps works as read it?',
      cause: error,
    })
  }
}

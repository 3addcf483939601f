import type { Duplex } from 'node:stream'
import { GatewayError } from '../core/errors.ts'
import { type Clock, within } from '../lib/clock.ts'
import { randomId } from '../lib/random-id.ts'
import type { Channel, SshLink } from './ssh-link-on-demand.ts'
import { wrapped } from './ssh-wrapper.ts'

/** An engine's socket on the machine of an ssh target. */
export interface RemoteSocket {
  readonly link: SshLink
  readonly clock: Clock
  /** Absolute, there. */
  readonly path: string
  /** Id of the ssh target. */
  readonly via: string
}

/** A way to an engine for one request. */
export interface EngineChannel {
  readonly stream: Duplex
  /** Why the request cannot have arrived, asked when the way has ended without an answer. */
  refusal(): Promise<GatewayError | undefined>
}

/**
 * Nothing is sent yet. The sshd there connects to the socket, or the docker command there where sshd must not.
 * @throws GatewayError unreachable, credentials_rejected; cancelled when the signal came first
 */
export async function channelTo(socket: RemoteSocket, signal: AbortSignal): Promise<EngineChannel> {
  try {
    const stream = await socket.link.forwardSocket(socket.path, signal)
    return { stream: stream.pause(), refusal: async () => undefined }
  } catch (error) {
    if (!isRefusedForward(error)) throw error
    return dialled(socket, signal)
  }
}

/** sshd gives no reason: it must not, or there is no socket, or the login user may not open it. */
const isRefusedForward = (error: unknown): boolean =>
  error instanceof GatewayError &&
  error.code === 'unreachable' &&
  error.cause instanceof Error &&
  isOpenFailure(error.cause)

const isOpenFailure = ({ message }: Error): boolean => /^\(SSH\) Channel open failure|^strictVendor/.test(message)

/** Of the connection, when the request was not on it yet. */
const isLost = (error: unknown): boolean => error instanceof GatewayError && error.code === 'interrupted'

/** Says what it found, in one line, and becomes the way to the socket if it can. `sh SOCKET` */
const dial = `if ! [ -S "$1" ]; then echo missing
elif ! { [ -r "$1" ] && [ -w "$1" ]; }; then echo forbidden
elif ! command -v docker >/dev/null; then echo helpless
else echo ready; exec docker --host "unix://$1" system dial-stdio
fi`

async function dialled(socket: RemoteSocket, signal: AbortSignal): Promise<EngineChannel> {
  const nonce = randomId(16)
  const line = wrapped({ nonce, argv: ['sh', '-c', dial, 'sh', socket.path], mayBecomeRoot: false })
  const opening = socket.link.exec(line, { signal }, (opened) => ({
    channel: opened,
    state: stateOf(opened, nonce),
    said: complaintsOf(opened),
  }))
  const { channel, state, said } = await opening.catch((error: unknown) => {
    throw isLost(error) ? refused(socket, '') : error
  })
  const stop = () => channel.destroy()
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  const found = await state
  signal.removeEventListener('abort', stop)
  if (found !== 'ready') {
    channel.end()
    channel.resume()
    throw signal.aborted ? new GatewayError('cancelled', 'it ended before it was sent') : refused(socket, found)
  }
  const closed = new Promise((resolve) => channel.once('close', resolve))
  return {
    stream: channel,
    async refusal() {
      await within({ clock: socket.clock, ms: closesWithinMs }, closed)
      return notDialled.test(said()) ? silent(socket, said()) : undefined
    },
  }
}

const closesWithinMs = 1000
const maxStateBytes = 65_536

/** The line after the mark; what follows it stays in the channel. Empty when none came. */
function stateOf(channel: Channel, nonce: string): Promise<string> {
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0)
    const end = (state: string) => {
      channel.off('data', take)
      channel.off('close', none)
      resolve(state)
    }
    const none = () => end('')
    const take = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk])
      const mark = seen.indexOf(`\x1e${nonce}`)
      const begin = mark < 0 ? 0 : seen.indexOf('\n', mark) + 1
      const stop = begin === 0 ? -1 : seen.indexOf('\n', begin)
      if (stop < 0) return seen.length > maxStateBytes ? end('') : undefined
      channel.pause()
      end(seen.toString('utf8', begin, stop))
      if (stop + 1 < seen.length) channel.unshift(seen.subarray(stop + 1))
    }
    channel.on('error', none)
    channel.on('data', take)
    channel.on('close', none)
  })
}

/** The end of what it says on standard error. */
function complaintsOf(channel: Channel): () => string {
  let text = ''
  channel.stderr.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString('utf8')).slice(-4096)
  })
  return () => text
}

/** What the docker command says when it got no connection to the engine. */
const notDialled =
  /failed to open the raw stream connection|cannot connect to the docker daemon|is not a docker command/i

function refused({ path, via }: RemoteSocket, found: string): GatewayError {
  if (found === 'missing') {
    return new GatewayError('unreachable', `there is no socket ${path} on ${via}`, {
      hint: 'is Docker installed and running there? connection.socket_path in targets.yaml names the socket',
    })
  }
  if (found === 'forbidden') {
    return new GatewayError('credentials_rejected', `${path} may not be opened by the user that logs in to ${via}`, {
      hint: 'add that user to the group docker there (which is as much as root)',
    })
  }
  if (found === 'helpless') {
    return new GatewayError(
      'unreachable',
      `the sshd of ${via} does not forward to ${path}, and it has no docker command`,
      {
        hint: 'is Docker running there? If so, set AllowStreamLocalForwarding yes in its sshd_config, or install the docker command there',
      },
    )
  }
  return new GatewayError('unreachable', `${via} opened no way to ${path}; nothing was sent`, {
    hint: 'try again, or set AllowStreamLocalForwarding yes in its sshd_config; otherwise the login user needs a shell and the docker command',
  })
}

const silent = ({ path, via }: RemoteSocket, said: string) =>
  new GatewayError('unreachable', `the docker command of ${via} gave no connection to ${path}`, {
    hint: 'is the Docker engine running there, and its docker command 18.09 or newer?',
    cause: new Error(said),
  })

import { GatewayError } from '../core/errors.ts'
import type { Peer } from './peer.ts'

export interface ListenAddress {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
}

export interface Listener {
  readonly host: string
  readonly port: number
  /** Takes no further connections, and ends those that are open. */
  stop(): Promise<void>
}

type Fetch = (request: Request, peer: Peer | undefined) => Promise<Response>

/** Connections that are silent before or between requests, seconds. */
const idleSeconds = 60

/**
 * The one file that knows Bun: its own server there, node:http elsewhere.
 * @throws GatewayError invalid_config when the address cannot be listened on
 */
export async function listen(address: ListenAddress, fetch: Fetch): Promise<Listener> {
  try {
    return typeof Bun === 'undefined' ? await onNode(address, fetch) : onBun(address, fetch)
  } catch (error) {
    throw notListening(address, error)
  }
}

function onBun({ host, port }: ListenAddress, fetch: Fetch): Listener {
  const server = Bun.serve({
    hostname: host,
    port,
    idleTimeout: idleSeconds,
    maxRequestBodySize: 16 * 1024 * 1024,
    fetch(request, own) {
      // An answer may take as long as it takes; the time limit is for connections without a request.
      own.timeout(request, 0)
      const other = own.requestIP(request)
      return fetch(request, other === null ? undefined : { ...other, ownPort: own.port ?? port })
    },
  })
  return { host, port: server.port ?? port, stop: () => server.stop(true) }
}

interface Incoming {
  readonly socket: {
    readonly remoteAddress?: string | undefined
    readonly remotePort?: number | undefined
    readonly localPort?: number | undefined
  }
}

function peerOf({ socket: { remoteAddress, remotePort = 0, localPort = 0 } }: Incoming): Peer | undefined {
  return remoteAddress === undefined ? undefined : { address: remoteAddress, port: remotePort, ownPort: localPort }
}

async function onNode({ host, port }: ListenAddress, fetch: Fetch): Promise<Listener> {
  const { serve } = await import('@hono/node-server')
  return new Promise((resolve, reject) => {
    const answer = (request: Request, { incoming }: { readonly incoming: Incoming }) => fetch(request, peerOf(incoming))
    const server = serve({ fetch: answer, hostname: host, port, overrideGlobalObjects: false }, (bound) =>
      resolve({ host, port: bound.port, stop: () => end(server) }),
    )
    server.once('error', reject)
  })
}

function end(server: { close(done: () => void): unknown; closeAllConnections?(): void }): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections?.()
  })
}

function notListening({ host, port }: ListenAddress, error: unknown): GatewayError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there',
    EACCES: 'only root may listen on ports below 1024',
    EADDRNOTAVAIL: 'this machine has no such address',
  }
  return new GatewayError('invalid_config', `cannot listen on ${where}: ${why[code] ?? String(error)}`, {
    hint: `choose another address: TAILOPS_LISTEN=127.0.0.1:${port === 65_535 ? 8080 : port + 1}`,
    cause: error,
  })
}

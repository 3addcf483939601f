import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Clock } from '../lib/clock.ts'
import { type Api, type ApiReply, answer } from './answer.ts'
import type { Interfere, Interference } from './interference.ts'
import { readRequest } from './request.ts'

/** A certificate with its key, both as PEM text. */
export interface ServerCertificate {
  readonly cert: string
  readonly key: string
}

/** How a cluster is served. */
export interface ServeOptions {
  /** The certificate of a node, asked for each time it comes up; without it, plain HTTP. */
  readonly tls?: ((node: string) => ServerCertificate) | undefined
  readonly interfere?: Interfere | undefined
}

/** A cluster that listens on loopback. */
export interface ServedCluster {
  /** By node, in order: `https://127.0.0.1:41234`. */
  readonly urls: ReadonlyMap<string, string>
  /** Resolves when every change of a node's state so far has reached its listener. */
  settled(): Promise<void>
  stop(): Promise<void>
}

/** Serves a cluster: one listener a node, each answering for all of them. A node that is offline refuses connections. */
export async function serveCluster(api: Api, options: ServeOptions = {}): Promise<ServedCluster> {
  const doors = new Map<string, Door>()
  for (const { name, state } of api.world.nodes()) {
    const door = await openDoor(api, name, options)
    doors.set(name, door)
    if (state === 'offline') await door.close()
  }
  let last: Promise<void> = Promise.resolve()
  const unwatch = api.world.watchNodes(({ name, state }) => {
    const door = doors.get(name)
    last = last.then(() => (state === 'offline' ? door?.close() : door?.open()))
  })
  return {
    urls: new Map([...doors].map(([name, { url }]) => [name, url])),
    settled: () => last,
    async stop() {
      unwatch()
      await Promise.allSettled([last])
      await Promise.all([...doors.values()].map((door) => door.close()))
    },
  }
}

/** The listener of one node; it can be closed and opened again on the same port. */
interface Door {
  readonly url: string
  open(): Promise<void>
  close(): Promise<void>
}

/** Then the connection ends. */
const requestsPerConnection = 100

async function openDoor(api: Api, node: string, { tls, interfere }: ServeOptions): Promise<Door> {
  const over = { current: new AbortController() }
  const answered = new WeakMap<object, number>()
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const count = (answered.get(request.socket) ?? 0) + 1
    answered.set(request.socket, count)
    const isLast = count >= requestsPerConnection
    const visit = { api, node, interfere, request, response, isLast, over: over.current.signal }
    respond(visit).catch(() => response.destroy())
  }
  const make = () => (tls === undefined ? createServer(listener) : createTlsServer({ ...tls(node) }, listener))
  let server: Server | undefined = make()
  const port = await listening(server, 0)
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    async open() {
      if (server !== undefined) return
      over.current = new AbortController()
      server = make()
      await listening(server, port)
    },
    async close() {
      over.current.abort()
      const closing = server
      server = undefined
      if (closing !== undefined) await closed(closing)
    },
  }
}

async function listening(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

async function closed(server: Server): Promise<void> {
  const ended = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await ended
}

interface Visit {
  readonly api: Api
  readonly node: string
  readonly interfere: Interfere | undefined
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Whether the connection has answered often enough. */
  readonly isLast: boolean
  /** Aborted when the listener closes. */
  readonly over: AbortSignal
}

async function respond(visit: Visit): Promise<void> {
  const { api, node, interfere, request, response, over } = visit
  const asked = await readRequest(request)
  const { world } = api
  const fault = interfere?.({ cluster: world.name, node, method: asked.method, path: asked.path }) ?? {}
  const hangs = world.node(node)?.state === 'hanging' || fault.hang === 'before'
  await pause(world.clock, fault.delayMs, over)
  if (hangs) return
  if (fault.reset === 'before') return reset(response)
  const reply = fault.reply ?? answer(api, node, asked)
  if (fault.hang === 'after') return
  if (fault.reset === 'after') return reset(response)
  await pause(world.clock, reply.delayMs, over)
  write(visit, reply, fault)
}

async function pause(clock: Clock, ms: number | undefined, signal: AbortSignal): Promise<void> {
  if (ms !== undefined && ms > 0) await clock.sleep(ms, signal)
}

function reset(response: ServerResponse): void {
  response.socket?.destroy()
}

function write(
  { api, response, isLast }: Visit,
  { status, reason, body, location }: ApiReply,
  { half }: Interference,
): void {
  const whole = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    server: 'pve-api-daemon/3.0',
    date: new Date(api.world.now()).toUTCString(),
    'cache-control': 'max-age=0',
    pragma: 'no-cache',
    connection: status >= 400 || isLast ? 'close' : 'Keep-Alive',
    'content-length': Buffer.byteLength(whole),
    ...(location !== undefined && { location }),
    ...(body !== undefined && { 'content-type': 'application/json;charset=UTF-8' }),
  }
  response.writeHead(status, reasonPhrase(reason), headers)
  if (!half) return void response.end(whole)
  response.write(whole.slice(0, Math.ceil(whole.length / 2)), () => response.socket?.destroy())
}

/** One line that a header may carry. */
const reasonPhrase = (reason: string) => reason.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')

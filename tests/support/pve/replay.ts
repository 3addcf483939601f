import { createServer, type Socket } from 'node:net'
import type { Recording } from './recordings.ts'

/** A reply to be served: a recording, or one made for a test. */
export type Replayed = Pick<Recording, 'method' | 'path' | 'status' | 'reason' | 'body'> & {
  /** Header lines; without one, the connection is kept below 400 and closed from there, as pveproxy does. */
  readonly headers?: readonly string[]
  /** Breaks off after so many bytes of the answer. */
  readonly cutAfter?: number
}

/** Serves recorded exchanges, byte by byte as pveproxy would. */
export interface Replay {
  readonly url: string
  /** `GET /version` in their order, with query. */
  readonly requests: string[]
  /** Heads as they came. */
  readonly heads: string[]
  /** Bodies as they came. */
  readonly bodies: string[]
  /** Connections so far. */
  readonly connections: Socket[]
  stop(): Promise<void>
}

/** Replies of the same method and path come in their order, the last one again and again; what is not there is a 501. */
export async function openReplay(replies: readonly Replayed[]): Promise<Replay> {
  const [requests, heads, bodies, connections]: [string[], string[], string[], Socket[]] = [[], [], [], []]
  const left = [...replies]
  const next = (asked: string): Replayed => {
    const [method = '', target = ''] = asked.split(' ')
    const path = decodeURIComponent(target.split('?')[0] ?? '')
    const matching = left.filter((reply) => reply.method === method && reply.path === path)
    const [first] = matching
    if (matching.length > 1 && first !== undefined) left.splice(left.indexOf(first), 1)
    const reason = `Method '${method} ${path}' not implemented`
    return first ?? { method, path, status: 501, reason, body: { data: null, message: reason } }
  }
  const server = createServer((socket) => {
    connections.push(socket)
    let received = ''
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const end = received.indexOf('\r\n\r\n')
      const length = Number(/^content-length: (\d+)/im.exec(received)?.[1] ?? 0)
      if (end < 0 || received.length < end + 4 + length) return
      const head = received.slice(0, end)
      const asked = (/^(\S+ \S+)/.exec(head)?.[1] ?? '').replace('/api2/json', '')
      requests.push(asked)
      heads.push(head)
      bodies.push(received.slice(end + 4, end + 4 + length))
      received = ''
      send(socket, next(asked))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    heads,
    bodies,
    connections,
    async stop() {
      for (const socket of connections) socket.destroy()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}

function send(socket: Socket, { status, reason, body, headers, cutAfter }: Replayed): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const own = headers ?? [`Connection: ${status >= 400 ? 'close' : 'Keep-Alive'}`, 'Server: pve-api-daemon/3.0']
  const lines = [`HTTP/1.1 ${status} ${reason}`, `Content-Length: ${Buffer.byteLength(text)}`, ...own]
  const whole = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`)
  if (cutAfter !== undefined) return void socket.write(whole.subarray(0, cutAfter), () => socket.destroy())
  socket.write(whole)
  if (own.some((line) => /^connection:.*close/i.test(line))) socket.end()
}

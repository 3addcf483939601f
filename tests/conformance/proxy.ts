import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

export interface BearerProxy {
  /** The address of the MCP endpoint behind the proxy. */
  readonly url: string
  stop(): Promise<void>
}

/** A port of loopback that adds the bearer token, which the suite cannot send, and changes nothing else. */
export async function openProxy(upstream: string, token: string): Promise<BearerProxy> {
  const { hostname, port, pathname } = new URL(upstream)
  const server = createServer((incoming, outgoing) => pass(incoming, outgoing, { hostname, port, token }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error(`the proxy listens on ${address}, not on a port`)
  return {
    url: `http://127.0.0.1:${address.port}${pathname}`,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

interface Upstream {
  readonly hostname: string
  readonly port: string
  readonly token: string
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse, { hostname, port, token }: Upstream): void {
  const { method, url: path } = incoming
  // The Host and Origin of the suite go on as they are: the gateway's answer to foreign ones is under test.
  const headers = { ...incoming.headers, authorization: `Bearer ${token}` }
  const onward = request({ hostname, port, method, path, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    outgoing.flushHeaders()
    answer.pipe(outgoing)
    answer.once('error', () => outgoing.destroy())
  })
  onward.once('error', () => {
    if (outgoing.headersSent) outgoing.destroy()
    else outgoing.writeHead(502).end()
  })
  outgoing.once('close', () => onward.destroy())
  incoming.pipe(onward)
}

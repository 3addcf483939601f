import { createServer } from 'node:http'

/** Stands in for the local API of tailscaled: who has which address, in the shape of its source (1.103). */
export interface Tailscaled {
  readonly socketPath: string
  /** Addresses of the tailnet; a test changes them. */
  readonly nodes: Map<string, Node>
  /** How often it was asked. */
  readonly asked: readonly string[]
  stop(): Promise<void>
}

export interface Node {
  readonly name: string
  readonly login?: string
  readonly tags?: readonly string[]
  readonly capabilities?: Readonly<Record<string, readonly unknown[] | null>>
}

export async function openTailscaled(socketPath: string): Promise<Tailscaled> {
  const nodes = new Map<string, Node>()
  const asked: string[] = []
  const server = createServer(({ url = '', headers }, response) => {
    const end = (status: number, text: string) => response.writeHead(status).end(text)
    // It answers no web page, and nobody who came by another name.
    if (headers.host !== 'local-tailscaled.sock' || 'origin' in headers || 'referer' in headers)
      return end(403, 'invalid')
    const { pathname, searchParams } = new URL(url, 'http://local-tailscaled.sock')
    const address = searchParams.get('addr') ?? ''
    if (pathname !== '/localapi/v0/whois') return end(404, 'not found')
    if (!/^[\d.]+$|^[\da-f:]+$/i.test(address)) return end(400, 'invalid addr')
    asked.push(address)
    const node = nodes.get(address)
    if (node === undefined) return end(404, `no match for IP:port ${address}\n`)
    return end(200, JSON.stringify(whoIs(address, node)))
  })
  await new Promise<void>((listening) => server.listen(socketPath, listening))
  return {
    socketPath,
    nodes,
    asked,
    stop: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

function whoIs(address: string, { name, login, tags, capabilities }: Node): object {
  return {
    Node: {
      ID: 4711,
      StableID: 'nKr9dCNTRL',
      Name: `${name}.tail1234.ts.net.`,
      User: 1234567890,
      Addresses: [`${address}/32`],
      Hostinfo: { OS: 'linux', Hostname: name },
      ComputedName: name,
      ...(tags !== undefined && { Tags: tags }),
    },
    UserProfile: {
      ID: 1234567890,
      LoginName: tags === undefined ? login : 'tagged-devices',
      DisplayName: tags === undefined ? 'Ada' : 'Tagged Devices',
    },
    CapMap: capabilities ?? null,
  }
}

import { createServer, type Server } from 'node:http'
import type { Guest } from './guest.ts'
import type { World } from './world.ts'

/** What the simulated guests serve, for probes: a page that is well as long as the guest is. */
export interface Services {
  /** `http://127.0.0.1:41234/home/107` */
  url(cluster: string, vmid: number): string
  stop(): Promise<void>
}

/** Opens the services of all guests on one port of loopback. */
export async function openServices(worlds: readonly World[]): Promise<Services> {
  const server = createServer((request, response) => {
    const [, cluster, vmid] = (request.url ?? '').split('/')
    const guest = worlds.find(({ name }) => name === cluster)?.guest(Number(vmid))
    const { status, text } = answerOf(guest)
    response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`)
  })
  const port = await listening(server)
  return {
    url: (cluster, vmid) => `http://127.0.0.1:${port}/${cluster}/${vmid}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answerOf(guest: Guest | undefined): { readonly status: number; readonly text: string } {
  if (guest === undefined) return { status: 404, text: 'no such guest' }
  if (guest.status !== 'running' || guest.paused) return { status: 502, text: `${guest.name} does not answer` }
  // What it needs does not become less because it gets less.
  if (guest.usedMemory > guest.memory) return { status: 503, text: `${guest.name} was killed: out of memory` }
  return { status: 200, text: `${guest.name} is well` }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new TypeError('a port was expected')
  return address.port
}

import type { Clock } from '../lib/clock.ts'
import { methods } from './api.ts'
import { demoClusters } from './fleet.ts'
import type { Random } from './seeded.ts'
import { serveCluster } from './serve.ts'
import { openServices } from './services.ts'

/** Where a simulated cluster answers, and the token that it takes. */
export interface DemoAddress {
  readonly name: string
  /** One a node: `http://127.0.0.1:41234` */
  readonly urls: readonly string[]
  readonly tokenId: string
  readonly tokenSecret: string
  /** A page of each running guest with a web service, by vmid: it answers 200 while the guest is well. */
  readonly services: ReadonlyMap<number, string>
}

/** The simulated fleet, answering on loopback until it is stopped. */
export interface Demo {
  readonly clusters: readonly DemoAddress[]
  stop(): Promise<void>
}

/** Opens the simulated fleet of `tailops demo`: nothing of it is real, and nothing outside it is touched. */
export async function openDemo(clock: Clock, random: Random): Promise<Demo> {
  const served = await Promise.all(
    demoClusters(clock, random).map(async (cluster) => ({
      ...cluster,
      served: await serveCluster({ world: cluster.world, methods }),
    })),
  )
  const services = await openServices(served.map(({ world }) => world))
  return {
    clusters: served.map(({ world, tokenId, tokenSecret, served: { urls } }) => ({
      name: world.name,
      urls: [...urls.values()],
      tokenId,
      tokenSecret,
      services: new Map(
        world
          .guests()
          .filter(({ status, tags = '' }) => status === 'running' && /\b(apps|monitoring|web)\b/.test(tags))
          .map(({ vmid }) => [vmid, services.url(world.name, vmid)]),
      ),
    })),
    stop: async () =>
      void (await Promise.all([services.stop(), ...served.map(({ served: cluster }) => cluster.stop())])),
  }
}

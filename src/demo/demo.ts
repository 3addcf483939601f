import type { Clock } from '../lib/clock.ts'
import { methods } from './api.ts'
import { demoClusters } from './fleet.ts'
import type { Random } from './seeded.ts'
import { serveCluster } from './serve.ts'

/** Where a simulated cluster answers, and the token that it takes. */
export interface DemoAddress {
  readonly name: string
  /** One a node: `http://127.0.0.1:41234` */
  readonly urls: readonly string[]
  readonly tokenId: string
  readonly tokenSecret: string
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
  return {
    clusters: served.map(({ world, tokenId, tokenSecret, served: { urls } }) => ({
      name: world.name,
      urls: [...urls.values()],
      tokenId,
      tokenSecret,
    })),
    stop: async () => void (await Promise.all(served.map(({ served: cluster }) => cluster.stop()))),
  }
}

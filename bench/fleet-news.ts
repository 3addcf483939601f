import { setTimeout as sleep } from 'node:timers/promises'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { quantile, shown, table } from './figures.ts'
import { type FleetBed, openFleetBed, untilQuiet } from './fleet-bed.ts'
import { toggle } from './fleet-tokens.ts'
import { cpuSeconds, type Running, startHttp } from './servers.ts'

const subscribedTo = 'fleet://state'
const settlingMs = 5000

/** How soon a subscriber hears of a change, and what watching costs. */
export async function fleetNews(quick: boolean): Promise<string> {
  const { latencies, missed, cpuMsPerLook } = await news(quick ? 20 : 100)
  const { percent, seconds, looks } = await idle(quick ? 20 : 60)
  const looksPercent = (5 * cpuMsPerLook) / 10 / 300
  return [
    `From the moment in which a cluster is asked for the list that shows a change, to the notification of \`${subscribedTo}\` at an MCP client over HTTP: ${latencies.length} changes, 1,000 guests in 5 clusters, the binary looks every second. Clusters and client share one process.`,
    table(
      ['p50 ms', 'p95 ms', 'p99 ms', 'most', 'not told within 5 s'],
      [[...[0.5, 0.95, 0.99, 1].map((share) => shown(quantile(latencies, share))), missed]],
    ),
    `Idle with 1,000 guests at the default intervals: ${percent.toFixed(2)} % of one CPU over ${seconds} s, in which ${looks} looks fell. A look at one of the five clusters takes ${shown(cpuMsPerLook)} ms of CPU, which adds ${looksPercent.toFixed(2)} % at one look each in 300 s.`,
  ].join('\n\n')
}

interface News {
  readonly latencies: readonly number[]
  readonly missed: number
  readonly cpuMsPerLook: number
}

async function news(rounds: number): Promise<News> {
  const bed = await openFleetBed({ clusters: 5, guests: 200, nodes: 4, interval: 1 })
  const tailops = await startHttp('tailops', bed.place, 'admin')
  const client = await connected(tailops)
  try {
    let told: (() => void) | undefined
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      if (params.uri === subscribedTo) told?.()
    })
    await client.subscribeResource({ uri: subscribedTo })
    // The first looks ask every guest for its addresses.
    await sleep(settlingMs)
    let looks = 0
    const [cpuBefore, latencies]: [number, number[]] = [cpuSeconds(tailops.pid), []]
    let missed = 0
    for (let round = 0; round < rounds; round++) {
      const heard = new Promise<number>((resolve) => {
        told = () => resolve(performance.now())
      })
      let seenAt: number | undefined
      const { vmid, status } = toggle(bed, round)
      bed.onList((world) => {
        looks++
        world.settle()
        if (world === bed.worlds[round % bed.worlds.length] && world.heardOfGuest(vmid)?.what.status === status)
          seenAt ??= performance.now()
      })
      const at = await Promise.race([heard, sleep(settlingMs).then(() => undefined)])
      if (at === undefined || seenAt === undefined) missed++
      else latencies.push(at - seenAt)
    }
    return { latencies, missed, cpuMsPerLook: (1000 * (cpuSeconds(tailops.pid) - cpuBefore)) / Math.max(1, looks) }
  } finally {
    bed.onList(undefined)
    await client.close()
    await tailops.stop()
    await bed.stop()
  }
}

async function connected({ url, headers }: Running): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1' })
  const { Authorization = '' } = headers
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization } } }))
  return client
}

/** CPU of the binary while nobody asks, at its default intervals, from when it has seen everything. */
async function idle(seconds: number) {
  const bed: FleetBed = await openFleetBed({ clusters: 5, guests: 200, nodes: 4 })
  const tailops = await startHttp('tailops', bed.place, 'admin')
  try {
    await untilQuiet(bed)
    let looks = 0
    bed.onList(() => looks++)
    const before = cpuSeconds(tailops.pid)
    await sleep(seconds * 1000)
    return { percent: (100 * (cpuSeconds(tailops.pid) - before)) / seconds, seconds, looks }
  } finally {
    await tailops.stop()
    await bed.stop()
  }
}

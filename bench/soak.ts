import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { shown, slopeOf, table } from './figures.ts'
import { openFleetBed } from './fleet-bed.ts'
import { questionAt } from './questions.ts'
import { type Running, startHttp } from './servers.ts'
import { type Visit, visits } from './visits.ts'

const clients = 12
const callsPerVisit = 40
/** Shares of the calls after which memory is noted; the first one ends the warm-up. */
const parts = 10
const restMs = 10_000

interface Point {
  readonly calls: number
  readonly mib: number
}

/**
 * A day's worth of calls: every way of connecting, mistakes among them, sessions that are opened, ended and forgotten. Memory
 * is noted at rest: after the warm-up, along the way, and in the end.
 */
export async function soak(calls: number): Promise<string> {
  const bed = await openFleetBed({ clusters: 1, guests: 40, nodes: 2 })
  const config = bed.place.env['TAILOPS_CONFIG'] ?? ''
  appendFileSync(config, '  local: { executor: local, capabilities: [system:read] }\n')
  const tailops = await startHttp('tailops', bed.place)
  try {
    await sleep(restMs)
    const idle = tailops.residentMib()
    const points: Point[] = []
    const began = performance.now()
    for (let part = 0; part < parts; part++) {
      await ask(tailops, { from: (part * calls) / parts, to: ((part + 1) * calls) / parts })
      await sleep(restMs)
      points.push({ calls: ((part + 1) * calls) / parts, mib: tailops.residentMib() })
    }
    return told(points, { idle, seconds: (performance.now() - began) / 1000 - (parts * restMs) / 1000 })
  } finally {
    await tailops.stop()
    await bed.stop()
  }
}

/** Asks the questions of that range, by all clients at once; each visit of a client goes another way. */
async function ask(tailops: Running, { from, to }: { readonly from: number; readonly to: number }): Promise<void> {
  let next = from
  const kinds = Object.values(visits)
  const client = async (): Promise<void> => {
    while (next < to) {
      const first = next
      next = Math.min(to, next + callsPerVisit)
      const questions = Array.from({ length: next - first }, (_, at) => questionAt(first + at))
      const visit: Visit | undefined = kinds[(first / callsPerVisit) % kinds.length]
      await visit?.(tailops, questions)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
}

function told(
  points: readonly Point[],
  { idle, seconds }: { readonly idle: number; readonly seconds: number },
): string {
  const [warm, end] = [points[0], points.at(-1)]
  if (warm === undefined || end === undefined) throw new TypeError('a soak without points')
  const growth = (end.mib / warm.mib - 1) * 100
  const slope = slopeOf(points.slice(1).map(({ calls, mib }) => ({ x: calls / 1000, y: mib * 1024 })))
  return [
    `${end.calls} calls over Streamable HTTP in ${Math.round(seconds)} s by ${clients} clients: 70 % \`list_targets\`, 15 % \`get_fleet_state\` of 40 guests, 10 % mistakes, 4 % lists, audit log and the like, 1 % \`get_system_status\`; without a session, in sessions that are ended or forgotten, with streams that listen, and by the revision of 2026. Each answer is checked. Memory is noted after ${restMs / 1000} s of rest.`,
    table(
      [
        'growth',
        'idle MiB',
        `after ${warm.calls} MiB`,
        `after ${end.calls} MiB`,
        'KiB per 1,000 calls after the warm-up',
      ],
      [[`${growth.toFixed(1)} %`, shown(idle), shown(warm.mib), shown(end.mib), slope.toFixed(1)]],
    ),
    `Along the way: ${points.map(({ mib }) => shown(mib)).join(', ')} MiB.`,
  ].join('\n\n')
}

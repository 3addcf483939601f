import { GatewayError } from '../core/errors.ts'
import type { Facts, Observation, Seen } from '../core/fleet.ts'
import { get, type Operation, type Outcome, script } from '../core/operation.ts'
import { outputOf, understood } from '../core/reply.ts'
import type { Target } from '../core/target.ts'
import { parseSystemStatus, type SystemStatus } from '../formats/system-status.ts'
import { definedFacts, definedNumbers } from './seen.ts'
import type { WatchedSource } from './watch.ts'

const everyMs = 5 * 60_000
/** The window in which CPU time is measured. */
const sampleSeconds = '0.25'

type Read = (operation: Operation) => Promise<Outcome>

/** A machine as a source of the fleet: its vital signs by one script. */
export const machineSource = (target: string, read: Read): WatchedSource =>
  hostSource(target, async () => {
    const output = outputOf(await read(script('read/system-status', [sampleSeconds])), 'reading the vital signs')
    return machineSeen(target, understood(parseSystemStatus(output), 'the system status'))
  })

/** A web service as a source of the fleet, by the first declared request that needs no arguments; undefined where there is none. */
export function serviceSource({ id, endpoints = [] }: Target, read: Read): WatchedSource | undefined {
  const endpoint = endpoints.find(
    ({ method, parameters }) => method === 'GET' && parameters.every(({ required }) => !required),
  )
  if (endpoint === undefined) return undefined
  return hostSource(id, async () => {
    const { status } = await read(get(endpoint.path))
    if (status < 500) return { ...headOf(id), facts: { name: id, status: 'up', answer: `HTTP ${status}` } }
    throw new GatewayError('operation_failed', `${endpoint.name} answered HTTP ${status}`)
  })
}

const headOf = (target: string) => ({ id: `host:${target}`, kind: 'host' }) as const

const hostSource = (target: string, look: () => Promise<Seen>): WatchedSource => ({
  id: target,
  head: headOf(target),
  intervalMs: everyMs,
  async observe(_known, at): Promise<Observation> {
    return { source: target, at, seen: [await look()], complete: true, gaps: [] }
  },
})

function machineSeen(target: string, status: SystemStatus): Seen {
  const [fullest] = status.file_systems.toSorted((a, b) => b.used_percent - a.used_percent)
  const facts: Facts = definedFacts({
    name: target,
    status: 'up',
    hostname: status.hostname,
    os: status.os,
    kernel: status.kernel,
    failed_units: status.failed_units,
    reboot_required: status.reboot_required,
    fullest_disk: fullest?.mount,
  })
  const memory = status.mem_total_mib === 0 ? undefined : (status.mem_used_mib / status.mem_total_mib) * 100
  const use = definedNumbers({
    cpu_pct: status.cpu_percent,
    mem_pct: memory === undefined ? undefined : Math.round(memory),
    disk_pct: fullest?.used_percent,
  })
  return { ...headOf(target), facts, use }
}

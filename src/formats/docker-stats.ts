import { z } from 'zod'
import { rounded } from './sections.ts'

const counter = z.number().optional()

const cpu = z.object({
  cpu_usage: z.object({ total_usage: z.number() }),
  system_cpu_usage: counter,
  online_cpus: counter,
})

/** GET /containers/ID/stats, as far as it is used; a container that just ended has none of it. */
export const statsReply = z.object({
  name: z.string(),
  cpu_stats: cpu,
  /** A second before. */
  precpu_stats: cpu,
  memory_stats: z.object({ usage: counter, limit: counter, stats: z.record(z.string(), z.number()).optional() }),
  networks: z.record(z.string(), z.object({ rx_bytes: z.number(), tx_bytes: z.number() })).optional(),
  blkio_stats: z.object({
    io_service_bytes_recursive: z.array(z.object({ op: z.string(), value: z.number() })).nullish(),
  }),
  pids_stats: z.object({ current: counter }),
})

export type Stats = z.output<typeof statsReply>

/** Use of one container; totals are since it began. */
export interface StatsRow {
  readonly name: string
  /** 100 is one whole processor. */
  readonly cpu_percent: number
  readonly mem_mib: number
  /** 0: none. */
  readonly mem_limit_mib: number
  readonly net_in_mib: number
  readonly net_out_mib: number
  readonly read_mib: number
  readonly written_mib: number
  readonly pids: number
}

const mib = 1024 * 1024

/** What a container uses; undefined when it has ended meanwhile. `machineBytes`: the memory of the machine, which is no limit. */
export function statsRow(stats: Stats, machineBytes: number | undefined): StatsRow | undefined {
  const { usage, limit = 0 } = stats.memory_stats
  if (usage === undefined) return undefined
  const networks = Object.values(stats.networks ?? {})
  return {
    name: stats.name.replace(/^\//, ''),
    cpu_percent: cpuPercent(stats),
    mem_mib: rounded((usage - cacheOf(stats)) / mib),
    mem_limit_mib: machineBytes !== undefined && limit >= machineBytes ? 0 : rounded(limit / mib),
    net_in_mib: rounded(sum(networks.map(({ rx_bytes }) => rx_bytes)) / mib, 1),
    net_out_mib: rounded(sum(networks.map(({ tx_bytes }) => tx_bytes)) / mib, 1),
    read_mib: rounded(blockBytes(stats, 'read') / mib, 1),
    written_mib: rounded(blockBytes(stats, 'write') / mib, 1),
    pids: stats.pids_stats.current ?? 0,
  }
}

/** As `docker stats` counts: processor time by the time of one processor of the machine. */
function cpuPercent({ precpu_stats: before, cpu_stats: after }: Stats): number {
  const used = after.cpu_usage.total_usage - before.cpu_usage.total_usage
  const passed = (after.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0)
  return passed > 0 && used > 0 ? rounded((100 * used * (after.online_cpus ?? 1)) / passed, 1) : 0
}

/** Page cache that can go at once does not count: cgroup v1 and v2 call it differently. */
function cacheOf({ memory_stats: { usage = 0, stats = {} } }: Stats): number {
  const cache = stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0
  return cache < usage ? cache : 0
}

const blockBytes = ({ blkio_stats }: Stats, op: string): number =>
  sum(
    (blkio_stats.io_service_bytes_recursive ?? [])
      .filter((row) => row.op.toLowerCase() === op)
      .map(({ value }) => value),
  )

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)

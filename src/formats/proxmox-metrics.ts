import { z } from 'zod'

/** `data` of `/rrddata`: points in time, each with the series that were measured then. */
export const metricsReply = z.array(z.record(z.string(), z.union([z.number(), z.string(), z.null()])))

export interface MetricRow {
  readonly series: string
  readonly min: number
  readonly mean: number
  readonly max: number
  readonly last: number
}

interface Series {
  readonly name: string
  readonly unit: number
  readonly keys: readonly string[]
}

const mib = 2 ** 20
const gib = 2 ** 30

/** Series that are told, in order; the first key that a point has counts (names differ between versions, nodes and guests). */
const series: readonly Series[] = [
  { name: 'cpu_pct', unit: 0.01, keys: ['cpu'] },
  { name: 'io_wait_pct', unit: 0.01, keys: ['iowait'] },
  { name: 'load_1', unit: 1, keys: ['loadavg'] },
  { name: 'mem_mib', unit: mib, keys: ['mem', 'memused'] },
  { name: 'swap_mib', unit: mib, keys: ['swapused'] },
  { name: 'disk_gib', unit: gib, keys: ['disk', 'rootused'] },
  { name: 'net_in_kib_s', unit: 1024, keys: ['netin'] },
  { name: 'net_out_kib_s', unit: 1024, keys: ['netout'] },
  { name: 'disk_read_kib_s', unit: 1024, keys: ['diskread'] },
  { name: 'disk_write_kib_s', unit: 1024, keys: ['diskwrite'] },
]

/** Each series as its least, mean, greatest and last value; those that were never measured, or always 0, are left out. */
export function metricRows(points: z.output<typeof metricsReply>): readonly MetricRow[] {
  return series.flatMap(({ name, unit, keys }) => {
    const values = points.flatMap((point) => {
      const value = keys.map((key) => point[key]).find((found) => found !== undefined && found !== null)
      return value === undefined ? [] : [Number(value) / unit]
    })
    const last = values.at(-1)
    if (last === undefined || values.every((value) => value === 0)) return []
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const [min, max] = [Math.min(...values), Math.max(...values)]
    return [{ series: name, min: short(min), mean: short(mean), max: short(max), last: short(last) }]
  })
}

/** Points in which nothing at all was measured: the guest did not run, or the node was gone. */
export const unmeasured = (points: z.output<typeof metricsReply>): number =>
  points.filter(
    (point) => !series.some(({ keys }) => keys.some((key) => point[key] !== undefined && point[key] !== null)),
  ).length

const short = (value: number): number => Number(value.toPrecision(3))

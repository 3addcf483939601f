import { linesOf, rounded, wholeNumber } from './sections.ts'

/** How busy the processors were between two samples. */
export interface CpuUse {
  readonly cpu_percent: number
  /** Share of time in which the hypervisor ran something else; left out at 0. */
  readonly steal_percent?: number | undefined
  /** Share of time idle for want of a disk; left out at 0. */
  readonly iowait_percent?: number | undefined
}

/**
 * CPU use from the first lines of two readings of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal.
 * Guest time is part of user time. Waiting for disks and stolen time count as time, not as use.
 */
export function machineCpuUse(before: string | undefined, after: string | undefined): CpuUse | undefined {
  const [first, second] = [ticksOf(before), ticksOf(after)]
  if (first === undefined || second === undefined) return undefined
  const spent = second.map((ticks, index) => Math.max(0, ticks - (first[index] ?? 0)))
  const total = spent.reduce((sum, ticks) => sum + ticks, 0)
  if (total === 0) return undefined
  const percent = (index: number) => rounded((100 * (spent[index] ?? 0)) / total, 1)
  const idle = (spent[3] ?? 0) + (spent[4] ?? 0) + (spent[7] ?? 0)
  const [iowait, steal] = [percent(4), percent(7)]
  return {
    cpu_percent: rounded((100 * (total - idle)) / total, 1),
    ...(steal > 0 ? { steal_percent: steal } : {}),
    ...(iowait > 0 ? { iowait_percent: iowait } : {}),
  }
}

/** CPU use of a container from two readings of its cgroup v2 cpu.stat, of the processors that it may use. */
export function cgroupCpuUse(
  before: string | undefined,
  after: string | undefined,
  capacity: { readonly seconds: number; readonly cpus: number },
): CpuUse | undefined {
  const [first, second] = [usageOf(before), usageOf(after)]
  if (first === undefined || second === undefined || capacity.seconds <= 0 || capacity.cpus <= 0) return undefined
  const share = (second - first) / 1e6 / (capacity.seconds * capacity.cpus)
  return { cpu_percent: rounded(Math.min(100, Math.max(0, 100 * share)), 1) }
}

/** Number of processors that /proc/stat lists. */
export const cpusIn = (stat: string | undefined): number => linesOf(stat).filter((line) => /^cpu\d/.test(line)).length

function ticksOf(stat: string | undefined): readonly number[] | undefined {
  const line = linesOf(stat).find((candidate) => /^cpu /.test(candidate))
  if (line === undefined) return undefined
  const ticks = line.trim().split(/ +/).slice(1, 9).map(wholeNumber)
  if (ticks.length < 4) return undefined
  return ticks.map((tick) => tick ?? 0)
}

const usageOf = (stat: string | undefined): number | undefined =>
  wholeNumber(/^usage_usec (\d+)$/m.exec(stat ?? '')?.[1])

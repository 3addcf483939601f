import type { Guest } from './guest.ts'
import { guestNumbers, nodeNumbers } from './numbers.ts'
import type { PveNode } from './parts.ts'

/** Seconds between two points, by time frame. */
const steps: Readonly<Record<string, number>> = {
  hour: 60,
  day: 1800,
  week: 10_800,
  month: 43_200,
  year: 604_800,
  decade: 6_048_000,
}

/** What rrddata shows of a guest: points from before it ran carry their time alone. */
export function guestHistory(guest: Guest, timeframe: string | undefined, now: number) {
  return times(timeframe, now).map((time) => {
    if (guest.status === 'stopped' || time * 1000 < (guest.startedAt ?? now)) return { time }
    const { cpu, mem, disk } = guestNumbers(guest, time * 1000)
    const flows = { netin: 2100, netout: 830, diskread: 512, diskwrite: 4096 }
    return { time, cpu, mem, disk, maxcpu: guest.cpus, maxmem: guest.memory, maxdisk: guest.diskSize, ...flows }
  })
}

/** What rrddata shows of a node. */
export function nodeHistory(node: PveNode, timeframe: string | undefined, now: number) {
  return times(timeframe, now).map((time) => {
    if (time * 1000 < node.bootedAt || time * 1000 > (node.goneAt ?? now)) return { time }
    const { cpu, mem, disk } = nodeNumbers(node, time * 1000)
    const memory = { memtotal: node.memory, memused: mem, memavailable: node.memory - mem, swaptotal: 0, swapused: 0 }
    const pressure = {
      pressurecpusome: 1.2,
      pressureiosome: 0.3,
      pressureiofull: 0.2,
      pressurememorysome: 0,
      pressurememoryfull: 0,
    }
    const root = { roottotal: node.diskSize, rootused: disk }
    return {
      time,
      cpu,
      maxcpu: node.cpus,
      loadavg: cpu * node.cpus,
      iowait: 0.002,
      netin: 21_000,
      netout: 8300,
      ...memory,
      ...root,
      ...pressure,
      arcsize: 0,
    }
  })
}

function times(timeframe: string | undefined, now: number): readonly number[] {
  const step = steps[timeframe ?? 'hour'] ?? 60
  const last = Math.floor(now / 1000 / step) * step
  return Array.from({ length: 60 }, (_, index) => last - (59 - index) * step)
}

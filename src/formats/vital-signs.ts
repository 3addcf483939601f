import { withoutEmpty } from './rows.ts'
import type { SystemStatus } from './system-status.ts'

/** The few figures that tell whether a machine is well. */
export interface VitalSigns {
  readonly reachable: true
  readonly uptime: string
  readonly cpu_percent?: number | undefined
  readonly load_per_cpu?: number | undefined
  readonly mem_percent: number
  readonly swap_percent?: number | undefined
  /** `91% of /`: the fullest file system. */
  readonly fullest_disk?: string | undefined
  /** What is wrong, in words; left out when nothing is. */
  readonly problems?: string | undefined
  readonly not_measured?: string | undefined
}

/** From these on a figure is a problem. */
const full = { disk: 90, memory: 92, swap: 80, loadPerCpu: 2 } as const

export function vitalSigns(status: SystemStatus): VitalSigns {
  const memory = percent(status.mem_used_mib, status.mem_total_mib)
  const swap = status.swap_total_mib ? percent(status.swap_used_mib ?? 0, status.swap_total_mib) : undefined
  const load = status.load_5 === undefined ? undefined : Math.round((status.load_5 / status.cpus) * 100) / 100
  const [disk] = status.file_systems.toSorted((a, b) => b.used_percent - a.used_percent)
  const problems = [
    ...status.file_systems
      .filter(({ used_percent }) => used_percent >= full.disk)
      .map(({ mount, used_percent }) => `disk ${mount} ${used_percent}% full`),
    memory >= full.memory ? `memory ${memory}% used` : '',
    swap !== undefined && swap >= full.swap ? `swap ${swap}% used` : '',
    load !== undefined && load >= full.loadPerCpu ? `load ${load} per cpu` : '',
    status.failed_units === undefined ? '' : `failed units: ${status.failed_units}`,
    status.reboot_required === true ? 'reboot required' : '',
  ]
  return withoutEmpty<VitalSigns>({
    reachable: true,
    uptime: status.uptime,
    cpu_percent: status.cpu_percent,
    load_per_cpu: load,
    mem_percent: memory,
    swap_percent: swap,
    fullest_disk: disk && `${disk.used_percent}% of ${disk.mount}`,
    problems: problems.filter((problem) => problem !== '').join('; '),
    not_measured: status.not_measured,
  })
}

const percent = (part: number, whole: number): number => (whole === 0 ? 0 : Math.round((part / whole) * 100))

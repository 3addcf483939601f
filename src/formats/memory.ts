import { rounded, wholeNumber } from './sections.ts'

/** Memory and swap of a machine or container. */
export interface Memory {
  readonly mem_used_mib: number
  readonly mem_total_mib: number
  readonly swap_used_mib?: number | undefined
  readonly swap_total_mib?: number | undefined
}

/**
 * Memory from /proc/meminfo (proc(5)), narrowed by the cgroup v2 limits of a container: there, what is used is
 * memory.current less the file cache that would be given back. Undefined without MemTotal.
 */
export function memoryOf(meminfo: string | undefined, cgroup: ReadonlyMap<string, string>): Memory | undefined {
  const kib = (name: string) => wholeNumber(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo ?? '')?.[1])
  const total = kib('MemTotal')
  if (total === undefined || total === 0) return undefined
  const available = kib('MemAvailable') ?? (kib('MemFree') ?? 0) + (kib('Buffers') ?? 0) + (kib('Cached') ?? 0)
  const limit = bytesIn(cgroup, 'memory.max')
  const current = bytesIn(cgroup, 'memory.current')
  const swap = swapOf(kib('SwapTotal'), kib('SwapFree'), cgroup)
  if (limit === undefined || current === undefined || limit >= total * 1024) {
    return {
      mem_used_mib: toMib((total - Math.min(available, total)) * 1024),
      mem_total_mib: toMib(total * 1024),
      ...swap,
    }
  }
  const reclaimable = wholeNumber(/^inactive_file (\d+)$/m.exec(cgroup.get(pathOf('memory.stat')) ?? '')?.[1]) ?? 0
  return { mem_used_mib: toMib(Math.max(0, current - reclaimable)), mem_total_mib: toMib(limit), ...swap }
}

function swapOf(
  total: number | undefined,
  free: number | undefined,
  cgroup: ReadonlyMap<string, string>,
): Partial<Memory> {
  if (total === undefined || free === undefined) return {}
  const limit = bytesIn(cgroup, 'memory.swap.max')
  const current = bytesIn(cgroup, 'memory.swap.current')
  if (limit !== undefined && current !== undefined && limit < total * 1024)
    return { swap_used_mib: toMib(current), swap_total_mib: toMib(limit) }
  return { swap_used_mib: toMib(Math.max(0, total - free) * 1024), swap_total_mib: toMib(total * 1024) }
}

const pathOf = (name: string): string => `/sys/fs/cgroup/${name}`
const bytesIn = (cgroup: ReadonlyMap<string, string>, name: string) => wholeNumber(cgroup.get(pathOf(name)))
const toMib = (bytes: number): number => rounded(bytes / 1024 / 1024)

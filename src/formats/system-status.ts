import { type CpuUse, cgroupCpuUse, cpusIn, machineCpuUse } from './cpu-use.ts'
import { type FileSystem, parseFileSystems } from './file-systems.ts'
import { type Memory, memoryOf } from './memory.ts'
import { withoutEmpty } from './rows.ts'
import { linesOf, parseFiles, parseSections, plain, rounded } from './sections.ts'
import { secondsOf, spanOf } from './uptime.ts'
import { virtualizationOf } from './virtualization.ts'

/** The state of one machine at one moment. */
export interface SystemStatus extends Partial<CpuUse>, Memory {
  readonly hostname?: string | undefined
  readonly os?: string | undefined
  readonly kernel?: string | undefined
  readonly virtualization: string
  /** `5d 3h 12m` */
  readonly uptime: string
  readonly cpus: number
  /** Time between the two samples of CPU use. */
  readonly sample_ms: number
  readonly load_1?: number | undefined
  readonly load_5?: number | undefined
  readonly load_15?: number | undefined
  /** Names, joined by commas; left out when none failed. */
  readonly failed_units?: string | undefined
  /** Left out when it is not. */
  readonly reboot_required?: true | undefined
  readonly file_systems: FileSystem[]
  /** What could not be measured, and why. */
  readonly not_measured?: string | undefined
}

type Sections = ReadonlyMap<string, string>

/** Reads what `read/system-status` printed; undefined when it is not the answer of a Linux machine. */
export function parseSystemStatus(output: string): SystemStatus | undefined {
  const sections = parseSections(output)
  const cgroup = parseFiles(sections.get('cgroup'))
  const memory = memoryOf(sections.get('meminfo'), cgroup)
  const uptime = secondsOf(sections.get('uptime_2'))
  const machineCpus = cpusIn(sections.get('stat_2'))
  if (memory === undefined || uptime === undefined || machineCpus === 0) return undefined
  const sampleSeconds = uptime - (secondsOf(sections.get('uptime_1')) ?? uptime)
  const cpus = Math.min(machineCpus, quotaOf(cgroup) ?? machineCpus)
  const use = cpuUseOf(sections, cgroup, { seconds: sampleSeconds, cpus })
  const { rows, missing } = parseFileSystems(sections.get('df'), sections.get('mounts'))
  const units = failedUnits(sections.get('failed_units'))
  const notMeasured = [
    use === undefined ? 'cpu (no time passed between the samples)' : undefined,
    memory.swap_total_mib === undefined ? 'swap (hidden)' : undefined,
    missing,
    units.missing,
  ]
  return withoutEmpty<SystemStatus>({
    ...namesIn(sections),
    uptime: spanOf(uptime),
    ...use,
    cpus: rounded(cpus, 2),
    sample_ms: rounded(sampleSeconds * 1000),
    ...loadIn(sections.get('loadavg')),
    ...memory,
    failed_units: units.names,
    reboot_required: linesOf(sections.get('reboot_required')).length > 0 ? (true as const) : undefined,
    file_systems: [...rows],
    not_measured: notMeasured.filter((part) => part !== undefined).join(', '),
  })
}

/** A container counts its own time; a machine that of its processors. The root of a host's cgroups has no cpu.max. */
function cpuUseOf(sections: Sections, cgroup: Sections, capacity: { readonly seconds: number; readonly cpus: number }) {
  const own = cgroup.has('/sys/fs/cgroup/cpu.max')
    ? cgroupCpuUse(sections.get('cgroup_cpu_1'), sections.get('cgroup_cpu_2'), capacity)
    : undefined
  return own ?? machineCpuUse(sections.get('stat_1'), sections.get('stat_2'))
}

/** `150000 100000` of cpu.max are 1.5 processors; `max` is no limit. */
function quotaOf(cgroup: Sections): number | undefined {
  const found = /^(\d{1,15}) (\d{1,15})$/.exec(cgroup.get('/sys/fs/cgroup/cpu.max')?.trim() ?? '')
  if (found === null) return undefined
  const cpus = Number(found[1]) / Number(found[2])
  return Number.isFinite(cpus) && cpus > 0 ? cpus : undefined
}

function namesIn(sections: Sections) {
  const os = /^PRETTY_NAME=["']?(.*?)["']?$/m.exec(sections.get('os') ?? '')?.[1]
  return {
    hostname: plain(sections.get('hostname') ?? '').slice(0, 255),
    os: plain(os ?? '').slice(0, 100),
    kernel: plain(sections.get('kernel') ?? '').slice(0, 100),
    virtualization: virtualizationOf({
      detected: sections.get('detect_virt'),
      container: sections.get('container'),
      mounts: sections.get('mounts'),
      hypervisor: sections.get('hypervisor'),
      product: sections.get('product'),
    }),
  }
}

function loadIn(loadavg: string | undefined): Partial<SystemStatus> {
  const found = /^(\d+\.\d+) (\d+\.\d+) (\d+\.\d+) /.exec(loadavg ?? '')
  if (found === null) return {}
  return { load_1: Number(found[1]), load_5: Number(found[2]), load_15: Number(found[3]) }
}

/** The script ends the list with a dot, so that none failed and no answer differ. */
function failedUnits(text: string | undefined): { readonly names?: string; readonly missing?: string } {
  const lines = linesOf(text)
  if (lines[0] === 'none') return { missing: 'failed units (no systemd)' }
  if (lines.at(-1) !== '.') return { missing: 'failed units (systemctl did not answer)' }
  const names = lines.slice(0, -1).flatMap((line) => /[A-Za-z0-9@._:\\-]+\.[a-z]+/.exec(line)?.[0] ?? [])
  return { names: names.join(', ') }
}

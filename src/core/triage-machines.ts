import type { Resource } from './fleet.ts'
import type { FleetView, Problem, Thresholds, Triaged } from './fleet-view.ts'

/** Vital signs of machines that are targets themselves; one that does not answer is told elsewhere. */
export function machineProblems(view: FleetView, thresholds: Thresholds): Triaged {
  const lost = new Set(view.sources.filter(({ health }) => health === 'unreachable').map(({ source }) => source))
  const machines = view.resources.filter(({ kind, source }) => kind === 'host' && !lost.has(source))
  return { problems: machines.flatMap((machine) => ofMachine(machine, thresholds)), unmeasured: [] }
}

function ofMachine({ source: where, facts, use }: Resource, { fullPct }: Thresholds): readonly Problem[] {
  const disk = use['disk_pct'] ?? 0
  const memory = use['mem_pct'] ?? 0
  const found: readonly (Problem | undefined)[] = [
    disk < fullPct
      ? undefined
      : {
          severity: disk < 95 ? 'high' : 'critical',
          where,
          problem: 'disk nearly full',
          evidence: `${String(facts['fullest_disk'] ?? 'a file system')} ${disk} % used`,
        },
    memory < 92
      ? undefined
      : { severity: 'medium', where, problem: 'memory pressure', evidence: `memory ${memory} % used` },
    facts['failed_units'] === undefined
      ? undefined
      : { severity: 'medium', where, problem: 'failed units', evidence: String(facts['failed_units']) },
    facts['reboot_required'] === true
      ? { severity: 'low', where, problem: 'reboot required', evidence: 'updates wait for it' }
      : undefined,
  ]
  return found.filter((problem) => problem !== undefined)
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findings } from '../core/fleet-findings.ts'
import type { FleetStore } from '../core/fleet-ports.ts'
import { found } from '../core/triage-findings.ts'
import { since } from '../core/triage-words.ts'
import type { Clock } from '../lib/clock.ts'
import { runProgram } from '../release/run-program.ts'
import { type Finding, findingsOf } from './doctor-finding.ts'

const { ok, warning, problem } = findingsOf('clock')

/** Clocks of Proxmox nodes, as the gateway saw them when it last inspected their cluster. */
export function nodeClocks(fleet: FleetStore, clusters: readonly string[], now: Date): readonly Finding[] {
  const view = { now, sources: [], resources: [], findings: (source: string) => fleet.findings(source) }
  return clusters.flatMap((cluster): readonly Finding[] => {
    const seen = found(view, cluster, findings.clocks)
    if (seen === undefined)
      return [
        warning(
          `clocks of ${cluster}: not measured: no gateway has inspected it`,
          'leave tailops serve running for some minutes',
        ),
      ]
    if ('error' in seen) return [warning(`clocks of ${cluster}: not measured: ${seen.error}`)]
    const age = `seen ${since(seen.at, now)} ago`
    const off = seen.data.filter(({ ahead_s: ahead }) => Math.abs(ahead) > 5)
    if (off.length === 0) return [ok(`clocks of ${cluster} agree with ours, ${age}`)]
    return off.map(({ node, ahead_s: ahead }) => {
      const what = `${node} of ${cluster} is ${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} us, ${age}`
      const fix = 'look at timedatectl and chronyc tracking on it and here'
      return Math.abs(ahead) > 60 ? problem(what, fix) : warning(what, fix)
    })
  })
}

/** Before this no release of ours was made. */
const oldest = Date.UTC(2025, 0, 1)

/** Whether this machine's own clock can be right, and is kept so. */
export async function ownClock(
  env: Readonly<Record<string, string | undefined>>,
  now: Date,
  clock: Clock,
): Promise<readonly Finding[]> {
  if (now.getTime() < oldest)
    return [problem(`the clock says ${now.toISOString()}: certificates and tokens cannot be checked`, 'set the clock')]
  const unknown = ok('whether the clock is kept right is not measured: there is no timedatectl that answers')
  if (!isOnPath('timedatectl', env['PATH'])) return [unknown]
  const argv = ['timedatectl', 'show', '--property=NTP', '--property=NTPSynchronized'] as const
  const { code, stdout } = await runProgram({ argv, env, withinMs: 5000, clock })
  const said = new Map(stdout.split('\n').map((line) => [line.split('=')[0] ?? '', line.split('=')[1] ?? '']))
  if (code !== 0 || said.get('NTPSynchronized') === undefined) return [unknown]
  if (said.get('NTPSynchronized') === 'yes') return [ok('the clock is kept right by NTP')]
  return said.get('NTP') === 'yes'
    ? [warning('the clock is not yet in step with NTP', 'timedatectl timesync-status says why')]
    : [warning('nothing keeps the clock right', 'timedatectl set-ntp true; in a container the host does it')]
}

const isOnPath = (program: string, path = ''): boolean =>
  path.split(':').some((folder) => folder !== '' && existsSync(join(folder, program)))

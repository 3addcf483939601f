import { findings } from './fleet-findings.ts'
import type { FleetView, Problem, Triaged } from './fleet-view.ts'
import { found } from './triage-findings.ts'

/** From here on clusters begin to suffer: corosync, tickets and certificates need common time. */
const tolerableS = 5
const graveS = 60

/** Nodes whose clock is not ours. Where all are off alike, it may be ours that is. */
export function clockProblems(view: FleetView, source: string): Triaged {
  const finding = found(view, source, findings.clocks)
  if (finding === undefined || 'error' in finding)
    return { problems: [], unmeasured: [`${source}: clocks: ${finding?.error ?? 'not inspected yet'}`] }
  const off = finding.data.filter(({ ahead_s: ahead }) => Math.abs(ahead) > tolerableS)
  const isOurs = off.length > 1 && off.length === finding.data.length && isAlike(off)
  const problems = off.map(({ node, ahead_s: ahead }): Problem => {
    const evidence = `${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} the gateway${isOurs ? '; so are all nodes: it may be the gateway that is off' : ''}`
    const severity = Math.abs(ahead) > graveS ? 'high' : 'medium'
    return { severity, where: `node:${source}/${node}`, problem: 'clock off', evidence }
  })
  return { problems, unmeasured: [] }
}

function isAlike(rows: readonly { readonly ahead_s: number }[]): boolean {
  const all = rows.map(({ ahead_s: ahead }) => ahead)
  return Math.max(...all) - Math.min(...all) <= tolerableS
}

import { type FleetView, type Problem, severities, type Thresholds } from './fleet-view.ts'
import { clusterProblems } from './triage-cluster.ts'
import { guestProblems } from './triage-guests.ts'
import { containerProblems, hostProblems } from './triage-hosts.ts'

/** Problems, the worst first, and what could not be measured. Pure. */
export function triage(
  view: FleetView,
  thresholds: Thresholds,
): { readonly problems: readonly Problem[]; readonly unmeasured: readonly string[] } {
  const parts = [
    clusterProblems(view, thresholds),
    guestProblems(view, thresholds),
    hostProblems(view),
    containerProblems(view),
  ]
  const problems = parts.flatMap((part) => part.problems)
  const unmeasured = parts.flatMap((part) => part.unmeasured)
  const rank = ({ severity }: Problem) => severities.indexOf(severity)
  return { problems: problems.toSorted((a, b) => rank(a) - rank(b)), unmeasured }
}

import { type FleetView, type Problem, severities, type Thresholds } from './fleet-view.ts'
import { clusterProblems } from './triage-cluster.ts'
import { guestProblems } from './triage-guests.ts'
import { containerProblems, hostProblems } from './triage-hosts.ts'
import { machineProblems } from './triage-machines.ts'
import { some } from './triage-words.ts'

/** Problems, the worst first, and what could not be measured. Pure. */
export function triage(
  view: FleetView,
  thresholds: Thresholds,
): { readonly problems: readonly Problem[]; readonly unmeasured: readonly string[] } {
  const parts = [
    clusterProblems(view, thresholds),
    guestProblems(view, thresholds),
    hostProblems(view),
    machineProblems(view, thresholds),
    containerProblems(view),
  ]
  const problems = parts.flatMap((part) => part.problems)
  const unmeasured = parts.flatMap((part) => part.unmeasured)
  const rank = ({ severity }: Problem) => severities.indexOf(severity)
  return { problems: folded(problems).toSorted((a, b) => rank(a) - rank(b)), unmeasured: [...new Set(unmeasured)] }
}

/** More of one kind than this are one problem that names them. */
const mostAlike = 3

/** Equal problems, and many small ones of a kind, are told once. */
function folded(problems: readonly Problem[]): readonly Problem[] {
  const kind = ({ severity, problem, where }: Problem) => JSON.stringify([severity, problem, sourceOf(where)])
  return [...Map.groupBy(problems, kind).values()].flatMap((alike) => {
    const [first] = alike
    const isSmall = first?.severity === 'medium' || first?.severity === 'low'
    if (first === undefined || alike.length <= mostAlike || !isSmall) return alike
    const evidences = new Set(alike.map(({ evidence }) => evidence))
    const [only = ''] = evidences
    const each = alike.map(({ where, evidence }) => `${where.slice(where.lastIndexOf('/') + 1)}: ${evidence};`)
    const evidence = evidences.size === 1 ? only : some(each)
    return [{ ...first, where: alike.map(({ where }) => where).join(' '), evidence }]
  })
}

/** `home` of `pve:home/101`. */
const sourceOf = (where: string): string => where.replace(/^[a-z]+:/, '').split('/')[0] ?? where

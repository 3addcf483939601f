import type { FleetView, Problem, Triaged } from './fleet-view.ts'
import { since } from './triage-words.ts'

/** Hosts that are targets themselves, and Docker engines: every source that is no cluster. */
export function hostProblems(view: FleetView): Triaged {
  const clusters = new Set(view.resources.filter(({ kind }) => kind === 'cluster').map(({ source }) => source))
  const states = view.sources.filter(({ source }) => !clusters.has(source))
  return {
    problems: states.flatMap(({ source, health, seenAt, error }): readonly Problem[] => {
      if (health !== 'unreachable') return []
      const seen = seenAt === undefined ? 'never seen' : `last seen ${since(seenAt, view.now)} ago`
      const evidence = `${error ?? 'no answer'}; ${seen}`
      return [{ severity: 'critical', where: source, problem: 'does not answer', evidence }]
    }),
    unmeasured: states.flatMap(({ source, gaps }) => gaps.map((gap) => `${source}: ${gap}`)),
  }
}

/** Docker containers. */
export function containerProblems(view: FleetView): Triaged {
  const lost = new Set(view.sources.filter(({ health }) => health === 'unreachable').map(({ source }) => source))
  const containers = view.resources.filter(({ kind, source }) => kind === 'container' && !lost.has(source))
  const problems = containers.flatMap(({ id, facts, since: at }): readonly Problem[] => {
    const { status, health, exit_code: exit } = facts
    const age = since(at, view.now)
    if (status === 'running' && health === 'unhealthy')
      return [
        { severity: 'high', where: id, problem: 'unhealthy', evidence: `its health check fails; seen for ${age}` },
      ]
    if (status === 'restarting')
      return [{ severity: 'high', where: id, problem: 'restarts again and again', evidence: `restarting for ${age}` }]
    if (status === 'dead') return [{ severity: 'medium', where: id, problem: 'dead', evidence: `dead for ${age}` }]
    // 143: it was asked to stop, and did.
    if (status === 'exited' && exit !== undefined && exit !== 0 && exit !== 143)
      return [
        {
          severity: 'medium',
          where: id,
          problem: 'ended with an error',
          evidence: `exit code ${String(exit)}, ${age} ago or more`,
        },
      ]
    return []
  })
  return { problems, unmeasured: [] }
}

import type { Resource, SourceState } from './fleet.ts'
import { findings } from './fleet-findings.ts'
import type { FleetView, Problem, Thresholds, Triaged } from './fleet-view.ts'
import { found } from './triage-findings.ts'
import { count, since, some } from './triage-words.ts'

/** Clusters as a whole, their nodes, storages, tasks, certificates and updates. */
export function clusterProblems(view: FleetView, thresholds: Thresholds): Triaged {
  const clusters = view.resources.filter(({ kind }) => kind === 'cluster')
  const parts = clusters.map((cluster) => ofCluster(view, cluster, thresholds))
  return { problems: parts.flatMap((part) => part.problems), unmeasured: parts.flatMap((part) => part.unmeasured) }
}

function ofCluster(view: FleetView, cluster: Resource, thresholds: Thresholds): Triaged {
  const { source } = cluster
  const state = view.sources.find((candidate) => candidate.source === source)
  const own = view.resources.filter((resource) => resource.source === source)
  const unmeasured = [...(state?.gaps ?? []).map((gap) => `${source}: ${gap}`)]
  const problems = [
    ...reach(view, state),
    ...quorum(view, cluster),
    ...own.filter(({ kind }) => kind === 'node').flatMap((node) => ofNode(view, node, { own, thresholds })),
    ...own.filter(({ kind }) => kind === 'storage').flatMap((storage) => ofStorage(storage, thresholds)),
    ...tasks(view, source, unmeasured),
    ...certificates(view, source, { thresholds, unmeasured }),
    ...updates(view, source, unmeasured),
  ]
  return { problems, unmeasured }
}

function reach(view: FleetView, state: SourceState | undefined): readonly Problem[] {
  if (state?.health !== 'unreachable') return []
  const seen = state.seenAt === undefined ? 'never seen' : `last seen ${since(state.seenAt, view.now)} ago`
  const evidence = `${state.error ?? 'no answer'}; ${seen}`
  return [{ severity: 'critical', where: state.source, problem: 'does not answer', evidence }]
}

function quorum(view: FleetView, { source, facts, since: at }: Resource): readonly Problem[] {
  if (facts['status'] !== 'no quorum') return []
  const evidence = `no quorum for ${since(at, view.now)}: nothing can be started or changed`
  return [{ severity: 'critical', where: source, problem: 'cluster without quorum', evidence }]
}

function ofNode(
  view: FleetView,
  node: Resource,
  { own, thresholds }: { readonly own: readonly Resource[]; readonly thresholds: Thresholds },
): readonly Problem[] {
  const { id, facts, use } = node
  if (facts['status'] !== 'online') {
    const there = own.filter((guest) => guest.facts['node'] === facts['name'] && /^(lxc|qemu)$/.test(guest.kind))
    const names = there.map(({ facts: { name = '' } }) => String(name))
    const guests = there.length === 0 ? 'no guests there' : `${count(there.length, 'guest')} there: ${some(names)}`
    const evidence = `${String(facts['status'])} for ${since(node.since, view.now)}; ${guests}`
    return [{ severity: 'critical', where: id, problem: 'node offline', evidence }]
  }
  return [...full(id, 'root file system', use['disk_pct'], thresholds), ...memory(id, use['mem_pct'])]
}

function memory(where: string, pct = 0): readonly Problem[] {
  if (pct < 90) return []
  return [
    { severity: pct < 95 ? 'medium' : 'high', where, problem: 'memory pressure', evidence: `memory ${pct} % used` },
  ]
}

function full(where: string, what: string, pct: number | undefined, { fullPct }: Thresholds): readonly Problem[] {
  if (pct === undefined || pct < fullPct) return []
  const evidence = `${what} ${pct} % used`
  return [{ severity: pct < 95 ? 'high' : 'critical', where, problem: `${what} nearly full`, evidence }]
}

function ofStorage({ id, facts, use }: Resource, thresholds: Thresholds): readonly Problem[] {
  const status = String(facts['status'])
  // Of an offline node the node itself is the problem.
  if (status === 'unknown') return []
  if (status === 'available') return full(id, 'storage', use['used_pct'], thresholds)
  return [{ severity: 'high', where: id, problem: 'storage not available', evidence: status }]
}

function tasks(view: FleetView, source: string, unmeasured: string[]): readonly Problem[] {
  const finding = found(view, source, findings.tasks)
  if (finding === undefined || 'error' in finding) {
    unmeasured.push(`${source}: failed tasks: ${finding?.error ?? 'not inspected yet'}`)
    return []
  }
  const groups = Map.groupBy(finding.data.failed, ({ type, id = '' }) => `${type} ${id}`)
  return [...groups.values()].flatMap((same): readonly Problem[] => {
    const [newest] = same
    if (newest === undefined) return []
    const { type, id, node, ended, status } = newest
    const isBackup = type === 'vzdump'
    const where = id === undefined || !/^\d+$/.test(id) ? `node:${source}/${node}` : `pve:${source}/${id}`
    const times = same.length === 1 ? '' : ` (${same.length} times in a day)`
    const evidence = `${type} on ${node} ${since(ended * 1000, view.now)} ago${times}: ${status.slice(0, 160)}`
    return [
      { severity: isBackup ? 'high' : 'medium', where, problem: isBackup ? 'backup failed' : 'task failed', evidence },
    ]
  })
}

function certificates(
  view: FleetView,
  source: string,
  { thresholds, unmeasured }: { readonly thresholds: Thresholds; readonly unmeasured: string[] },
): readonly Problem[] {
  const finding = found(view, source, findings.certificates)
  if (finding === undefined || 'error' in finding) {
    unmeasured.push(`${source}: certificates: ${finding?.error ?? 'not inspected yet'}`)
    return []
  }
  return finding.data.flatMap(({ node, not_after }): readonly Problem[] => {
    const days = Math.floor((not_after * 1000 - view.now.getTime()) / 86_400_000)
    if (days >= thresholds.certificateDays) return []
    const evidence = days < 0 ? `expired ${-days} days ago` : `expires in ${count(days, 'day')}`
    const severity = days < 0 ? 'critical' : days < 7 ? 'high' : 'medium'
    return [{ severity, where: `node:${source}/${node}`, problem: 'certificate due', evidence }]
  })
}

function updates(view: FleetView, source: string, unmeasured: string[]): readonly Problem[] {
  const finding = found(view, source, findings.updates)
  if (finding === undefined || 'error' in finding) {
    unmeasured.push(`${source}: updates: ${finding?.error ?? 'not inspected yet'}`)
    return []
  }
  const due = finding.data.filter(({ packages }) => packages > 0)
  if (due.length === 0) return []
  const evidence = due.map(({ node, packages }) => `${node}: ${count(packages, 'package')}`).join(', ')
  return [{ severity: 'low', where: source, problem: 'updates due', evidence }]
}

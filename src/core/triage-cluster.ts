import type { Resource, SourceState } from './fleet.ts'
import { findings } from './fleet-findings.ts'
import type { FleetView, Problem, Thresholds, Triaged } from './fleet-view.ts'
import { unreadable } from './triage-access.ts'
import { clockProblems } from './triage-clocks.ts'
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
  // What is known of it is old: nothing can be claimed of today.
  if (state?.health === 'unreachable') return { problems: reach(view, state), unmeasured: [`${source}: all of it`] }
  const unmeasured = [...lastLookFailed(view, state), ...(state?.gaps ?? []).map((gap) => `${source}: ${gap}`)]
  const clocks = clockProblems(view, source)
  const problems = [
    ...quorum(view, cluster),
    ...own.filter(({ kind }) => kind === 'node').flatMap((node) => ofNode(view, node, { own, thresholds })),
    ...own
      .filter(({ kind }) => kind === 'storage')
      .flatMap((storage) => ofStorage(storage, { own, state, thresholds })),
    ...tasks(view, source, unmeasured),
    ...certificates(view, source, { thresholds, unmeasured }),
    ...updates(view, source, unmeasured),
    ...clocks.problems,
  ]
  return { problems, unmeasured: [...unmeasured, ...clocks.unmeasured, ...unreadable(view, source)] }
}

function lastLookFailed(view: FleetView, state: SourceState | undefined): readonly string[] {
  if (state?.error === undefined) return []
  const age = state.seenAt === undefined ? 'never' : `${since(state.seenAt, view.now)} ago`
  return [`${state.source}: the last look failed (${state.error}); what is said of it was seen ${age}`]
}

function reach(view: FleetView, state: SourceState): readonly Problem[] {
  const seen = state.seenAt === undefined ? 'never seen' : `last seen ${since(state.seenAt, view.now)} ago`
  const evidence = `${state.error ?? 'no answer'}; ${seen}`
  return [{ severity: 'critical', where: state.source, problem: 'does not answer', evidence }]
}

function quorum(view: FleetView, { source, facts, since: at }: Resource): readonly Problem[] {
  if (facts['status'] !== 'no quorum') return []
  const evidence = `no quorum for ${since(at, view.now)} or longer: nothing can be started or changed`
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
    const evidence = `${String(facts['status'])} for ${since(node.since, view.now)} or longer; ${guests}`
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

interface Around {
  /** Everything of the same cluster. */
  readonly own: readonly Resource[]
  readonly state: SourceState | undefined
  readonly thresholds: Thresholds
}

function ofStorage({ id, facts, use }: Resource, { own, state, thresholds }: Around): readonly Problem[] {
  const status = String(facts['status'])
  const problems = full(id, 'storage', use['used_pct'], thresholds)
  if (status === 'available') return problems
  const problem = 'storage not available'
  if (status !== 'unknown') return [...problems, { severity: 'high', where: id, problem, evidence: status }]
  const nodes = own.filter(({ kind, facts: { name } }) => kind === 'node' && [undefined, name].includes(facts['node']))
  const online = nodes.filter(({ facts: node }) => node['status'] === 'online')
  const isHidden = state?.gaps.some((gap) => gap.startsWith(`${id} `)) === true
  // Of an offline node the node itself is the problem.
  if (online.length === 0 || isHidden) return []
  // Which nodes have a shared storage is not listed: it may be those that are offline.
  const isCertain = online.length === nodes.length
  const evidence = `no online node reports it${isCertain ? '' : '; it may belong to those that are offline'}`
  return [{ severity: isCertain ? 'high' : 'medium', where: id, problem, evidence }]
}

function tasks(view: FleetView, source: string, unmeasured: string[]): readonly Problem[] {
  const finding = found(view, source, findings.tasks)
  if (finding === undefined || 'error' in finding) {
    unmeasured.push(`${source}: failed tasks: ${finding?.error ?? 'not inspected yet'}`)
    return []
  }
  const groups = Map.groupBy(finding.data.failed.filter(isWorthTelling(view, source)), ({ type, id = '', node }) =>
    id === '' ? `${type} @${node}` : `${type} ${id}`,
  )
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

/** Consoles end with errors when their window is closed; a guest that was backed up since has its backup. */
function isWorthTelling(view: FleetView, source: string) {
  const backups = found(view, source, findings.backups)
  const newest = backups !== undefined && 'data' in backups ? backups.data.newest : {}
  return ({
    type,
    id = '',
    ended,
  }: {
    readonly type: string
    readonly id?: string | undefined
    readonly ended: number
  }) => !/^(vnc|spice|term)/.test(type) && !(type === 'vzdump' && (newest[id] ?? 0) > ended)
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
    const evidence = days < 0 ? `expired ${since(not_after * 1000, view.now)} ago` : `expires in ${count(days, 'day')}`
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

import type { Resource } from './fleet.ts'
import { findings } from './fleet-findings.ts'
import type { FleetView, Problem, Thresholds, Triaged } from './fleet-view.ts'
import { found } from './triage-findings.ts'
import { count, since, some } from './triage-words.ts'

/** Containers and VMs of all clusters. What many have in common is one problem that names them. */
export function guestProblems(view: FleetView, thresholds: Thresholds): Triaged {
  const lost = new Set(view.sources.filter(({ health }) => health === 'unreachable').map(({ source }) => source))
  const guests = view.resources.filter(({ kind, source }) => (kind === 'lxc' || kind === 'qemu') && !lost.has(source))
  const bySource = Map.groupBy(guests, ({ source }) => source)
  const parts = [...bySource].map(([source, own]) => ofSource(view, { source, guests: own }, thresholds))
  return { problems: parts.flatMap((part) => part.problems), unmeasured: parts.flatMap((part) => part.unmeasured) }
}

interface Guests {
  readonly source: string
  readonly guests: readonly Resource[]
}

function ofSource(view: FleetView, guests: Guests, thresholds: Thresholds): Triaged {
  const unmeasured: string[] = []
  const problems = [
    ...stopped(view, guests, unmeasured),
    ...locked(view, guests, unmeasured),
    ...tight(guests),
    ...withoutBackup(view, guests, { thresholds, unmeasured }),
    ...withoutAgent(guests),
  ]
  return { problems, unmeasured }
}

const nameOf = ({ id, facts }: Resource): string =>
  `${id.split('/')[1]}${facts['name'] ? ` (${String(facts['name'])})` : ''}`

function stopped(view: FleetView, { source, guests }: Guests, unmeasured: string[]): readonly Problem[] {
  const finding = found(view, source, findings.should_run)
  if (finding === undefined || 'error' in finding) {
    unmeasured.push(`${source}: stopped guests that should run: ${finding?.error ?? 'not inspected yet'}`)
    return []
  }
  const { vmids, unread } = finding.data
  if (unread > 0) unmeasured.push(`${source}: onboot of ${count(unread, 'stopped guest')} could not be read`)
  return (
    guests
      // What has a lock is stopped by whoever locked it: a backup, a migration.
      .filter(({ facts }) => facts['status'] === 'stopped' && facts['lock'] === undefined)
      .filter(({ id }) => vmids.includes(Number(id.split('/')[1])))
      .map(({ id, facts, since: at }) => ({
        severity: 'high',
        where: id,
        problem: 'stopped, but should run',
        evidence: `${String(facts['name'] ?? 'it')} has onboot=1, stopped for ${since(at, view.now)} or longer`,
      }))
  )
}

/** Longer after the list of tasks a lock may be that of a task which began since. */
const sameTimeMs = 60_000

function locked(view: FleetView, { source, guests }: Guests, unmeasured: string[]): readonly Problem[] {
  // A suspended VM is locked for good reason.
  const all = guests.filter(({ facts }) => facts['lock'] !== undefined && facts['lock'] !== 'suspended')
  const finding = found(view, source, findings.tasks)
  if (finding === undefined || 'error' in finding) {
    if (all.length > 0) unmeasured.push(`${source}: whether the locks of ${some(all.map(nameOf))} are left over`)
    return []
  }
  const { running } = finding.data
  return all.flatMap(({ id, seenAt, facts: { lock, node } }): readonly Problem[] => {
    // A task of several guests is listed by its node.
    if (running.includes(id.split('/')[1] ?? '') || running.includes(`vzdump@${String(node)}`)) return []
    const isSameTime = seenAt.getTime() - finding.at.getTime() <= sameTimeMs
    const ran = isSameTime ? 'no task of it runs' : `no task of it ran ${since(finding.at, view.now)} ago`
    const evidence = `lock=${String(lock)} while ${ran}; changes are refused until it is unlocked`
    return [{ severity: isSameTime ? 'medium' : 'low', where: id, problem: 'lock left over', evidence }]
  })
}

const tight = ({ guests }: Guests): readonly Problem[] =>
  guests.flatMap(({ id, kind, use }): readonly Problem[] => {
    const pct = use['mem_pct'] ?? 0
    // What a VM has cached counts as used there.
    if (pct < (kind === 'lxc' ? 90 : 98)) return []
    return [{ severity: 'medium', where: id, problem: 'memory pressure', evidence: `memory ${pct} % used` }]
  })

function withoutBackup(
  view: FleetView,
  { source, guests }: Guests,
  { thresholds, unmeasured }: { readonly thresholds: Thresholds; readonly unmeasured: string[] },
): readonly Problem[] {
  const finding = found(view, source, findings.backups)
  if (finding === undefined || 'error' in finding) {
    unmeasured.push(`${source}: backups: ${finding?.error ?? 'not inspected yet'}`)
    return []
  }
  const { newest, unread, unprotected = [] } = finding.data
  unmeasured.push(...unread.map((storage) => `${source}: backups on ${storage}`))
  const kept = guests.filter(({ facts }) => facts['template'] !== true)
  const limit = view.now.getTime() / 1000 - thresholds.backupDays * 86_400
  const vmidOf = ({ id }: Resource) => id.split('/')[1] ?? ''
  const ageOf = (guest: Resource) => newest[vmidOf(guest)]
  const never = kept.filter((guest) => ageOf(guest) === undefined)
  const old = kept.filter((guest) => (ageOf(guest) ?? limit) < limit)
  const inNoJob = kept.filter((guest) => !never.includes(guest) && unprotected.includes(Number(vmidOf(guest))))
  const doubt = [
    unread.length === 0
      ? ''
      : `; unless on ${unread.map((storage) => storage.split(':')[0]).join(', ')}, which was not read`,
    kept.length > 1 && never.length === kept.length ? '; perhaps the token may not list backups' : '',
  ].join('')
  const aged = (guest: Resource) => `${nameOf(guest)}: ${since((ageOf(guest) ?? 0) * 1000, view.now)}`
  const problem = (list: readonly string[], what: string, more: Partial<Problem> = {}): readonly Problem[] => {
    if (list.length === 0) return []
    const evidence = `${count(list.length, 'guest')}: ${some(list)}${doubt}`
    return [{ severity: 'medium', where: source, problem: what, evidence, ...more }]
  }
  return [
    ...problem(old.map(aged), `no backup for ${count(thresholds.backupDays, 'day')}`),
    ...problem(never.map(nameOf), 'no backup at all'),
    ...problem(inNoJob.map(nameOf), 'in no backup job', { severity: 'low' }),
  ]
}

function withoutAgent({ source, guests }: Guests): readonly Problem[] {
  const silent = guests.filter(({ facts }) => facts['status'] === 'running' && facts['agent'] === 'not running')
  if (silent.length === 0) return []
  const evidence = `enabled but not running in ${count(silent.length, 'VM')}: ${some(silent.map(nameOf))}`
  return [{ severity: 'low', where: source, problem: 'guest agent missing', evidence }]
}

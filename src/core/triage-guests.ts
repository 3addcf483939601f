import type { Resource } from './fleet.ts'
import { findings } from './fleet-findings.ts'
import type { FleetView, Problem, Thresholds, Triaged } from './fleet-view.ts'
import { found } from './triage-findings.ts'
import { count, since, some } from './triage-words.ts'

/** Containers and VMs of all clusters. What many have in common is one problem that names them. */
export function guestProblems(view: FleetView, thresholds: Thresholds): Triaged {
  const guests = view.resources.filter(({ kind }) => kind === 'lxc' || kind === 'qemu')
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
    ...locked(view, guests),
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
  return guests
    .filter(({ id, facts }) => facts['status'] === 'stopped' && vmids.includes(Number(id.split('/')[1])))
    .map(({ id, facts, since: at }) => ({
      severity: 'high',
      where: id,
      problem: 'stopped, but should run',
      evidence: `${String(facts['name'] ?? '')} has onboot=1, stopped for ${since(at, view.now)} or longer`,
    }))
}

function locked(view: FleetView, { source, guests }: Guests): readonly Problem[] {
  const finding = found(view, source, findings.tasks)
  const running = finding !== undefined && 'data' in finding ? finding.data.running : undefined
  return guests.flatMap(({ id, facts }): readonly Problem[] => {
    const { lock } = facts
    const isAtWork = running === undefined || running.includes(id.split('/')[1] ?? '')
    // A suspended VM is locked for good reason.
    if (lock === undefined || lock === 'suspended' || isAtWork) return []
    const evidence = `lock=${String(lock)} while no task of it runs; changes are refused until it is unlocked`
    return [{ severity: 'medium', where: id, problem: 'lock left over', evidence }]
  })
}

const tight = ({ guests }: Guests): readonly Problem[] =>
  guests.flatMap(({ id, kind, use }): readonly Problem[] => {
    const pct = use['mem_pct'] ?? 0
    // What a VM has cached counts as used there.
    if (pct < (kind === 'lxc' ? 95 : 98)) return []
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
  const { newest, unread } = finding.data
  unmeasured.push(...unread.map((storage) => `${source}: backups on ${storage}`))
  const kept = guests.filter(({ facts }) => facts['template'] !== true)
  const limit = view.now.getTime() / 1000 - thresholds.backupDays * 86_400
  const ageOf = (guest: Resource) => newest[guest.id.split('/')[1] ?? '']
  const never = kept.filter((guest) => ageOf(guest) === undefined)
  const old = kept.filter((guest) => (ageOf(guest) ?? limit) < limit)
  const problem = (list: readonly Resource[], what: string): readonly Problem[] =>
    list.length === 0
      ? []
      : [
          {
            severity: 'medium',
            where: source,
            problem: what,
            evidence: `${count(list.length, 'guest')}: ${some(list.map(nameOf))}`,
          },
        ]
  return [...problem(old, `no backup for ${thresholds.backupDays} days`), ...problem(never, 'no backup at all')]
}

function withoutAgent({ source, guests }: Guests): readonly Problem[] {
  const silent = guests.filter(({ facts }) => facts['status'] === 'running' && facts['agent'] === 'not running')
  if (silent.length === 0) return []
  const evidence = `enabled but not running in ${count(silent.length, 'VM')}: ${some(silent.map(nameOf))}`
  return [{ severity: 'low', where: source, problem: 'guest agent missing', evidence }]
}

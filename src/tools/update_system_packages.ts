import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { type Command, command, type Outcome, script } from '../core/operation.ts'
import type { Plan, Step } from '../core/plan.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { nameOfWish, packageWish, packageWishRule } from '../formats/package-name.ts'
import { packageProblem, packageProgress, unreadSources } from '../formats/package-outcome.ts'
import {
  type NoSimulation,
  type PackageChange,
  parseSimulation,
  type Simulation,
} from '../formats/package-simulation.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'
import { plain } from '../formats/sections.ts'

/** Package managers think long on small machines. */
const readWithinMs = 45_000
/** An upgrade stopped half-way leaves a broken machine: it is given more time than one takes. */
const performWithinMs = 60 * 60_000
const lockWaitSeconds = 20

/** What both tools of packages answer. */
export const packagesOutput = z.object({
  packages: z
    .array(
      z.object({
        package: z.string(),
        from: z.string().optional(),
        to: z.string().optional(),
        state: z.string().optional(),
      }),
    )
    .optional(),
  reboot_required: z.boolean().optional(),
  index: z.string().optional(),
  unread_sources: z.array(z.string()).optional(),
  problem: z.string().optional(),
  next: z.string().optional(),
})

/** A package to change. */
export const wishSchema = z.string().regex(packageWish, packageWishRule)

export default defineTool({
  name: 'update_system_packages',
  description: 'Upgrade packages (apt) to what the index offers; refresh it first.',
  capability: 'system:admin',
  risk: 'destructive',
  targets: ['local', 'ssh'],
  input: z.object({
    packages: z.array(wishSchema).min(1).max(100).optional(),
    security_only: z.boolean().optional(),
    allow_removals: z.boolean().optional(),
    refresh: z.boolean().optional().describe('only refresh the index'),
  }),
  output: packagesOutput,
  riskOf: ({ refresh }) => (refresh === true ? 'write' : 'destructive'),
  async plan({ packages, security_only: securityOnly = false, allow_removals: mayRemove = false, refresh }, context) {
    if (refresh === true) {
      if (packages !== undefined || securityOnly || mayRemove)
        throw new GatewayError('invalid_input', 'refresh does nothing but refresh the index', {
          hint: 'call it with refresh alone, then without',
        })
      return refreshPlan(context)
    }
    const all = await simulate([mayRemove ? 'dist-upgrade' : 'upgrade'], context)
    const wished =
      packages ?? (securityOnly ? pins(all.changes.filter(({ security, to }) => security && to !== '')) : undefined)
    if (wished === undefined) return planFor({ simulation: all, wished: [], mayRemove }, context)
    if (wished.length === 0) return planFor({ simulation: { ...all, changes: [] }, wished, mayRemove }, context)
    const found = await simulate(['install', ...wished], context)
    const simulation = securityOnly && packages !== undefined ? onlySecurity(found, packages) : found
    refuseNew(wished, simulation)
    return planFor({ simulation, wished, mayRemove }, context)
  },
  report: reportPackages,
  reportFailure: reportFailedPackages,
})

function onlySecurity(found: Simulation, packages: readonly string[]): Simulation {
  const quiet = found.changes.find(
    ({ name, security }) => !security && packages.some((wish) => nameOfWish(wish) === name),
  )
  if (quiet === undefined) return found
  throw new GatewayError('invalid_input', `the update of ${quiet.name} to ${quiet.to} is not for security`, {
    hint: 'leave it out, or call without security_only',
  })
}

function refuseNew(wished: readonly string[], { changes }: Simulation): void {
  const names = new Set(wished.map(nameOfWish))
  const added = changes.find(({ name, from, to }) => from === '' && to !== '' && names.has(name))
  if (added === undefined) return
  throw new GatewayError('not_found', `${added.name} is not installed`, { hint: 'install_package installs it' })
}

async function refreshPlan(context: Context): Promise<Plan> {
  const { manager } = await simulate(['upgrade'], context)
  const update = apt(['-o', 'APT::Update::Error-Mode=any', 'update'])
  return { summary: 'refresh the package index', basis: { manager }, steps: [{ do: update }] }
}

/**
 * What the package manager would do.
 * @throws GatewayError unsupported_target, not_found, operation_failed
 */
export async function simulate(args: readonly string[], { read, target }: Context): Promise<Simulation> {
  const outcome = await read(script('read/package-simulation', args, { timeoutMs: readWithinMs }))
  if (outcome.truncated)
    throw new GatewayError('operation_failed', 'the simulation is too long to be read', { hint: 'name fewer packages' })
  const output = outputOf(outcome, 'simulating the change')
  const found = understood(parseSimulation(output), 'the package manager')
  if ('failed' in found) throw failure(found, target.id)
  return found
}

function failure(found: NoSimulation, target: string): GatewayError {
  if (found.failed === 'manager') {
    const has = found.manager === 'none' ? 'no package manager that is known' : found.manager
    return new GatewayError('unsupported_target', `${target} has ${has}; packages are changed with apt only`, {
      hint: 'run_command can run its package manager, where the target allows it',
    })
  }
  if (found.failed === 'interrupted')
    return new GatewayError(
      'operation_failed',
      `dpkg has unfinished work on ${target}${found.said === '' ? '' : `: ${found.said}`}`,
      {
        hint: 'wait if another package manager is at work; else run dpkg --configure -a on the target',
      },
    )
  const [missing] = found.missing
  if (missing !== undefined)
    return new GatewayError('not_found', `${missing} is not in the package index of ${target}`, {
      hint: 'check the spelling, or refresh the index: update_system_packages with refresh',
    })
  return new GatewayError('operation_failed', `apt cannot do it on ${target}: ${found.said}`, {
    hint: 'the packages named there stand in the way',
  })
}

interface Wanted {
  readonly simulation: Simulation
  readonly wished: readonly string[]
  readonly mayRemove: boolean
}

/**
 * A plan that pins each package of a simulation, new dependencies too, and does nothing else.
 * @throws GatewayError denied, not_found, operation_failed
 */
export async function planFor({ simulation, wished, mayRemove }: Wanted, context: Context): Promise<Plan> {
  const { changes, manager } = simulation
  refuseUnlike(wished, simulation)
  refuseHarm(simulation, mayRemove)
  const basis = { manager, ...Object.fromEntries(changes.map((change) => [`package ${change.name}`, shown(change)])) }
  if (changes.length === 0) return { summary: nothingToDo(simulation), basis, steps: [] }
  const pinned = await simulate(['install', ...pins(changes)], context)
  refuseDifferent(changes, pinned.changes)
  return {
    summary: summaryOf(simulation),
    basis,
    steps: stepsOf(changes, wished),
    preview: [...changes.map((change) => `${change.name} ${shown(change)}`), indexLine(simulation)].join('\n'),
  }
}

/** Every wish must have been taken by its own name: apt also reads patterns and virtual packages. */
function refuseUnlike(wished: readonly string[], { changes, current }: Simulation): void {
  const offered = changes.flatMap(({ name, to }) => (to === '' ? [] : [name]))
  const taken = new Set([...offered, ...current])
  const other = wished.map(nameOfWish).find((name) => !taken.has(name))
  if (other === undefined) return
  throw new GatewayError('not_found', `there is no package of the exact name ${other} to install`, {
    hint: offered.length === 0 ? 'name a package exactly' : `apt would take ${some(offered)} for it: name that`,
  })
}

function refuseHarm({ changes, downgraded, held }: Simulation, mayRemove: boolean): void {
  const refuse = (why: string, hint: string) => new GatewayError('denied', why, { hint })
  const removed = changes.flatMap(({ name, to }) => (to === '' ? [name] : []))
  if (removed.length > 0 && !mayRemove)
    throw refuse(`it would remove ${some(removed)}`, 'set allow_removals in update_system_packages if that is meant')
  if (downgraded.length > 0)
    throw refuse(`it would take ${some(downgraded)} back to an older version`, 'name no older version')
  if (held.length > 0) throw refuse(`${some(held)} is on hold`, 'apt-mark unhold on the target releases it')
}

function refuseDifferent(wanted: readonly PackageChange[], pinned: readonly PackageChange[]): void {
  const lines = (changes: readonly PackageChange[]) => changes.map((change) => `${change.name} ${shown(change)}`)
  const [before, after] = [lines(wanted), lines(pinned)]
  const odd = [...before.filter((line) => !after.includes(line)), ...after.filter((line) => !before.includes(line))]
  if (odd.length === 0) return
  throw new GatewayError('operation_failed', `with pinned versions apt would do something else: ${some(odd)}`, {
    hint: 'name fewer packages',
  })
}

const pins = (changes: readonly PackageChange[]): readonly string[] =>
  changes.map(({ name, to }) => (to === '' ? `${name}-` : `${name}=${to}`))

const shown = ({ from, to }: PackageChange): string => {
  if (to === '') return `${from} -> removed`
  return from === '' ? `new -> ${to}` : `${from} -> ${to}`
}

const some = (names: readonly string[]): string =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ')

const indexLine = ({ indexAt }: Simulation): string =>
  indexAt === undefined ? 'no package index on the target' : `index of ${minute(indexAt)}`

const minute = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 16)}Z`

function nothingToDo(simulation: Simulation): string {
  if (simulation.indexAt === undefined) return 'nothing to do as far as is known: there is no package index; refresh it'
  const kept = simulation.keptBack === 0 ? '' : `; ${simulation.keptBack} kept back`
  return `nothing to do by the package ${indexLine(simulation)}${kept}`
}

function summaryOf({ changes, keptBack }: Simulation): string {
  const groups: readonly (readonly [string, readonly PackageChange[]])[] = [
    ['upgrade', changes.filter(({ from, to }) => from !== '' && to !== '')],
    ['install', changes.filter(({ from }) => from === '')],
    ['REMOVE', changes.filter(({ to }) => to === '')],
  ]
  const parts = groups.flatMap(([verb, group]) =>
    group.length === 0 ? [] : [`${verb} ${some(group.map(({ name, to }) => (to === '' ? name : `${name} ${to}`)))}`],
  )
  return `${parts.join('; ')}${keptBack === 0 ? '' : `; ${keptBack} others stay as they are`}`
}

/** Dependencies count as installed automatically; what was asked for does not, which a second run of apt notes. */
function stepsOf(changes: readonly PackageChange[], wished: readonly string[]): readonly Step[] {
  const names = new Set(wished.map(nameOfWish))
  const asked = changes.filter(({ name, from, to }) => from === '' && to !== '' && names.has(name))
  const along = changes.some(({ name, from }) => from === '' && !names.has(name))
  const guard = changes.some(({ to }) => to === '') ? [] : ['--no-remove']
  const mark = along ? ['--mark-auto'] : []
  return [
    { do: apt([...guard, ...mark, 'install', ...pins(changes)]) },
    ...(along && asked.length > 0 ? [{ do: apt(['--no-remove', 'install', ...pins(asked)]) }] : []),
    { do: script('read/package-reboot') },
  ]
}

/** Never asks: answers of debconf are its defaults without a terminal, and changed configuration files are kept. */
function apt(args: readonly string[]): Command {
  const quiet = ['-y', '-q', '-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold']
  const patient = ['-o', 'Dpkg::Use-Pty=0', '-o', `DPkg::Lock::Timeout=${lockWaitSeconds}`]
  return command(['apt-get', ...quiet, ...patient, ...args], { asRoot: true, timeoutMs: performWithinMs })
}

type Report = z.input<typeof packagesOutput>

/** What was changed, from the basis that was kept to. */
export function reportPackages({ basis, steps }: Plan, outcomes: readonly Outcome[]): Report {
  const [first] = outcomes
  if (isRefresh(steps)) {
    const unread = unreadSources(first?.output ?? '', first?.errorOutput ?? '')
    return unread.length === 0 ? { index: 'refreshed' } : { index: 'refreshed in part', unread_sources: [...unread] }
  }
  const rows = rowsOf(basis)
  const reboot = outcomes.at(-1)?.output.trim()
  return withoutEmpty({
    packages: rows.length === 0 ? undefined : withoutEmptyColumns(rows),
    reboot_required: reboot === 'yes' ? true : reboot === 'no' ? false : undefined,
  })
}

/** What stands on the target after a failure. */
export function reportFailedPackages({ basis, steps }: Plan, outcomes: readonly Outcome[]): Report {
  const failed = outcomes.find(({ ok }) => !ok)
  const [output, errorOutput] = [failed?.output ?? '', failed?.errorOutput ?? '']
  const why = packageProblem(output, errorOutput)
  if (isRefresh(steps)) {
    const unread = unreadSources(output, errorOutput)
    return { ...why, index: 'not refreshed, or in part', ...(unread.length > 0 && { unread_sources: [...unread] }) }
  }
  const first = outcomes[0]
  const stateOf = packageProgress(first?.output ?? '', first?.errorOutput ?? '')
  const packages = withoutEmptyColumns(rowsOf(basis).map((row) => ({ ...row, state: stateOf(row.package) })))
  if (first?.ok !== true) return { packages, ...why }
  return { packages, problem: 'the packages were changed, but what comes after it failed', next: 'see its steps' }
}

const isRefresh = (steps: readonly Step[]): boolean =>
  steps.some(({ do: operation }) => operation.kind === 'command' && operation.argv.at(-1) === 'update')

const rowsOf = (basis: Plan['basis']) =>
  Object.entries(basis).flatMap(([key, value]) => {
    if (!key.startsWith('package ')) return []
    const [from = '', to = ''] = String(value).split(' -> ')
    return [{ package: plain(key.slice('package '.length)), from: from === 'new' ? '' : from, to }]
  })

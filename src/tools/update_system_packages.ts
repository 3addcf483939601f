import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { type Outcome, script } from '../core/operation.ts'
import {
  packageManagerOf,
  packagePlan,
  pinsOf,
  refreshPlan,
  refuseDifferent,
  refusePackages,
  type WantedPackages,
} from '../core/package-plan.ts'
import type { Plan } from '../core/plan.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import type { NoSimulation, Simulation } from '../formats/package-change.ts'
import { nameOfWish, packageWish, packageWishRule } from '../formats/package-name.ts'
import { packageProblem, packageProgress, unreadSources } from '../formats/package-outcome.ts'
import { parseSimulation } from '../formats/package-simulation.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'
import { plain } from '../formats/sections.ts'

/** Package managers think long on small machines. */
const readWithinMs = 45_000

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
  description: 'Upgrade packages to what the index offers; refresh it first.',
  capability: 'system:admin',
  risk: 'destructive',
  restorePoint: true,
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
      return refreshPlan(await simulate(['upgrade', 'keep'], context))
    }
    const others = mayRemove ? 'remove' : 'keep'
    const all = await simulate(['upgrade', others], context)
    refuseUnable(all, { packages, securityOnly })
    const urgent = securityOnly ? all.changes.filter(({ security, to }) => security && to !== '') : []
    const wishes = packages ?? urgent.map(({ name, to }) => `${name}=${to}`)
    const wanted = { verb: 'upgrade', wishes, mayRemove } as const
    if (wishes.length === 0) {
      const changes = securityOnly ? [] : all.changes
      return planFor({ ...wanted, simulation: { ...all, changes } }, context)
    }
    refuseAbsent(wishes, all)
    const found = await simulate(['upgrade', others, ...wishes], context)
    const simulation = securityOnly && packages !== undefined ? onlySecurity(found, packages) : found
    refuseNew(wishes, simulation)
    return planFor({ ...wanted, simulation }, context)
  },
  report: reportPackages,
  reportFailure: reportFailedPackages,
})

interface Asked {
  readonly packages: readonly string[] | undefined
  readonly securityOnly: boolean
}

/** What this package manager cannot do is refused, and never done by halves. */
function refuseUnable(all: Simulation, { packages, securityOnly }: Asked): void {
  if (securityOnly && !all.tellsSecurity)
    throw new GatewayError('unsupported_target', `${all.manager} does not tell which updates are for security`, {
      hint: 'call without security_only',
    })
  const { upgradesPart, caution } = packageManagerOf(all)
  if (packages !== undefined && !upgradesPart)
    throw new GatewayError('denied', `${caution}, so no packages are named to ${all.manager}`, {
      hint: 'call without packages to upgrade all',
    })
}

function refuseAbsent(wishes: readonly string[], { installed }: Simulation): void {
  const absent = wishes.map(nameOfWish).find((name) => installed !== undefined && !installed.includes(name))
  if (absent === undefined) return
  throw new GatewayError('not_found', `${absent} is not installed`, { hint: 'install_package installs it' })
}

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

/**
 * What the package manager would do.
 * @throws GatewayError unsupported_target, not_found, operation_failed
 */
export async function simulate(args: readonly string[], context: Context): Promise<Simulation> {
  const found = await simulated(args, context, false)
  // Some simulate for root alone.
  const last = 'failed' in found && found.failed === 'root' ? await simulated(args, context, true) : found
  if ('failed' in last) throw failure(last, context.target.id)
  return last
}

async function simulated(args: readonly string[], { read }: Context, asRoot: boolean) {
  const limits = { timeoutMs: readWithinMs, ...(asRoot && { asRoot }) }
  const outcome = await read(script('read/package-simulation', args, limits))
  if (outcome.truncated)
    throw new GatewayError('operation_failed', 'the simulation is too long to be read', { hint: 'name fewer packages' })
  return understood(parseSimulation(outputOf(outcome, 'simulating the change')), 'the package manager')
}

function failure(found: NoSimulation, target: string): GatewayError {
  if (found.failed === 'manager') {
    const has = found.manager === 'none' ? 'no package manager that is known' : found.manager
    return new GatewayError(
      'unsupported_target',
      `${target} has ${has}; packages are changed with apt, dnf, zypper, pacman or apk`,
      {
        hint: 'run_command can run its package manager, where the target allows it',
      },
    )
  }
  if (found.failed === 'root')
    return new GatewayError('denied', `${found.manager} simulates for root alone on ${target}`, {
      hint: 'let the target be used by root, or with sudo_policy full',
    })
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
  return new GatewayError('operation_failed', `${found.manager} cannot do it on ${target}: ${found.said}`, {
    hint: 'the packages named there stand in the way',
  })
}

/**
 * A plan for exactly what was simulated; where the manager can pin versions, a second simulation with pins did the same.
 * @throws GatewayError denied, not_found, operation_failed
 */
export async function planFor(wanted: WantedPackages, context: Context): Promise<Plan> {
  refusePackages(wanted)
  const pins = pinsOf(wanted)
  if (pins.length > 0)
    refuseDifferent(
      wanted.simulation,
      await simulate(['install', wanted.mayRemove ? 'remove' : 'keep', ...pins], context),
    )
  return packagePlan(wanted)
}

type Report = z.input<typeof packagesOutput>

/** What was changed, from the basis that was kept to. */
export function reportPackages({ basis }: Plan, outcomes: readonly Outcome[]): Report {
  const [first] = outcomes
  if (basis['index'] === 'refresh') {
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
export function reportFailedPackages({ basis }: Plan, outcomes: readonly Outcome[]): Report {
  const failed = outcomes.find(({ ok }) => !ok)
  const [output, errorOutput] = [failed?.output ?? '', failed?.errorOutput ?? '']
  const why = packageProblem(output, errorOutput)
  if (basis['index'] === 'refresh') {
    const unread = unreadSources(output, errorOutput)
    return { ...why, index: 'not refreshed, or in part', ...(unread.length > 0 && { unread_sources: [...unread] }) }
  }
  const first = outcomes[0]
  const stateOf = statesOf(basis, first)
  const packages = withoutEmptyColumns(rowsOf(basis).map((row) => ({ ...row, state: stateOf(row.package) })))
  if (first?.ok !== true) return { packages, ...why }
  return { packages, problem: 'the packages were changed, but what comes after it failed', next: 'see its steps' }
}

/** Only dpkg says how far each package came. */
function statesOf({ manager }: Plan['basis'], first: Outcome | undefined): (name: string) => string {
  const [output, errorOutput] = [first?.output ?? '', first?.errorOutput ?? '']
  if (manager === 'apt') return packageProgress(output, errorOutput)
  const untouched = packageProblem(output, errorOutput).problem.includes('nothing was changed')
  return () => (first?.ok === true ? 'done' : untouched ? 'not done' : 'unknown')
}

const rowsOf = (basis: Plan['basis']) =>
  Object.entries(basis).flatMap(([key, value]) => {
    if (!key.startsWith('package ')) return []
    const [from = '', to = ''] = String(value).split(' -> ')
    return [{ package: plain(key.slice('package '.length)), from: from === 'new' ? '' : from, to }]
  })

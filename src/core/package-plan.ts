import { GatewayError } from './errors.ts'
import { script } from './operation.ts'
import { type Choice, nameOf, type PackageManager, type PlannedChange, packageManagers } from './package-managers.ts'
import type { Plan } from './plan.ts'

/** What a simulation must tell for a plan. */
export interface PlannedPackages {
  readonly manager: string
  readonly changes: readonly PlannedChange[]
  readonly keptBack: number
  readonly downgraded: readonly string[]
  readonly held: readonly string[]
  readonly current: readonly string[]
  readonly installed?: readonly string[] | undefined
  readonly indexAt: number | undefined
}

/** What was asked, and what the package manager would do for it. */
export interface WantedPackages {
  readonly simulation: PlannedPackages
  readonly verb: 'install' | 'upgrade'
  /** `name` or `name=version`. */
  readonly wishes: readonly string[]
  readonly mayRemove: boolean
}

/** The manager of a simulation. @throws GatewayError unsupported_target */
export function packageManagerOf({ manager }: Pick<PlannedPackages, 'manager'>): PackageManager {
  const known = packageManagers.get(manager)
  if (known !== undefined) return known
  throw new GatewayError('unsupported_target', `packages are not changed with ${manager}`, { hint: 'use run_command' })
}

/** The arguments for a second simulation, which must do the same; none where there is nothing to compare. */
export function pinsOf(wanted: WantedPackages): readonly string[] {
  const { changes } = wanted.simulation
  if (changes.length === 0) return []
  return packageManagerOf(wanted.simulation).pins?.(choiceOf(wanted)) ?? []
}

/**
 * A plan that performs a simulation and nothing else.
 * @throws GatewayError denied, not_found
 */
export function packagePlan(wanted: WantedPackages): Plan {
  const { simulation } = wanted
  const { changes, manager } = simulation
  const basis = { manager, ...Object.fromEntries(changes.map((change) => [`package ${label(change)}`, shown(change)])) }
  if (changes.length === 0) return { summary: nothingToDo(simulation), basis, steps: [] }
  const known = packageManagerOf(simulation)
  return {
    summary: summaryOf(simulation, known),
    basis,
    steps: [
      ...known.commands(choiceOf(wanted)).map((operation) => ({ do: operation })),
      { do: script('read/package-reboot') },
    ],
    preview: [...changes.map((change) => `${label(change)} ${shown(change)}`), indexLine(simulation)].join('\n'),
  }
}

/** A plan that reads the index again. */
export function refreshPlan({ manager }: Pick<PlannedPackages, 'manager'>): Plan {
  const { refresh } = packageManagerOf({ manager })
  return { summary: 'refresh the package index', basis: { manager, index: 'refresh' }, steps: [{ do: refresh }] }
}

const choiceOf = ({ simulation, verb, wishes }: WantedPackages): Choice => ({
  changes: simulation.changes,
  verb,
  wishes,
  wished: wishes.map(nameOf),
})

/** @throws GatewayError when a simulation is not what was asked for, or would do harm */
export function refusePackages(wanted: WantedPackages): void {
  refuseUnlike(wanted)
  refuseHarm(wanted)
}

/** Every wish must have been taken by its own name: apt also reads patterns and virtual packages. */
function refuseUnlike({ wishes, simulation }: WantedPackages): void {
  const { changes, current, installed = [], manager } = simulation
  const offered = changes.flatMap(({ name, to }) => (to === '' ? [] : [name]))
  const taken = new Set([...offered, ...current, ...installed])
  const other = wishes.map(nameOf).find((name) => !taken.has(name))
  if (other === undefined) return
  throw new GatewayError('not_found', `there is no package of the exact name ${other} to install`, {
    hint: offered.length === 0 ? 'name a package exactly' : `${manager} would take ${some(offered)} for it: name that`,
  })
}

function refuseHarm({ simulation, mayRemove }: WantedPackages): void {
  const { changes, downgraded, held } = simulation
  const refuse = (why: string, hint: string) => new GatewayError('denied', why, { hint })
  const removed = changes.flatMap((change) => (change.to === '' ? [change.name] : []))
  if (removed.length > 0 && !mayRemove)
    throw refuse(`it would remove ${some(removed)}`, 'set allow_removals in update_system_packages if that is meant')
  if (downgraded.length > 0)
    throw refuse(`it would take ${some(downgraded)} back to an older version`, 'name no older version')
  if (held.length > 0) throw refuse(`${some(held)} is on hold`, 'apt-mark unhold on the target releases it')
}

/** @throws GatewayError operation_failed when the pinned simulation is not the first one */
export function refuseDifferent(wanted: PlannedPackages, pinned: PlannedPackages): void {
  const lines = (changes: readonly PlannedChange[]) => changes.map((change) => `${label(change)} ${shown(change)}`)
  const [before, after] = [lines(wanted.changes), lines(pinned.changes)]
  const odd = [...before.filter((line) => !after.includes(line)), ...after.filter((line) => !before.includes(line))]
  if (odd.length === 0) return
  throw new GatewayError(
    'operation_failed',
    `with pinned versions ${wanted.manager} would do something else: ${some(odd)}`,
    {
      hint: 'name fewer packages',
    },
  )
}

/** `app`, or `app.noarch` where names carry an architecture. */
const label = ({ name, arch }: PlannedChange): string => (arch === undefined ? name : `${name}.${arch}`)

const shown = ({ from, to }: PlannedChange): string => {
  if (to === '') return `${from} -> removed`
  return from === '' ? `new -> ${to}` : `${from} -> ${to}`
}

const some = (names: readonly string[]): string =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ')

const indexLine = ({ indexAt }: PlannedPackages): string =>
  indexAt === undefined ? 'no package index on the target' : `index of ${minute(indexAt)}`

const minute = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 16)}Z`

function nothingToDo(simulation: PlannedPackages): string {
  if (simulation.indexAt === undefined) return 'nothing to do as far as is known: there is no package index; refresh it'
  const kept = simulation.keptBack === 0 ? '' : `; ${simulation.keptBack} kept back`
  return `nothing to do by the package ${indexLine(simulation)}${kept}`
}

function summaryOf({ changes, keptBack }: PlannedPackages, { caution }: PackageManager): string {
  const groups: readonly (readonly [string, readonly PlannedChange[]])[] = [
    ['upgrade', changes.filter(({ from, to }) => from !== '' && to !== '')],
    ['install', changes.filter(({ from }) => from === '')],
    ['REMOVE', changes.filter(({ to }) => to === '')],
  ]
  const parts = groups.flatMap(([verb, group]) =>
    group.length === 0 ? [] : [`${verb} ${some(group.map(({ name, to }) => (to === '' ? name : `${name} ${to}`)))}`],
  )
  const kept =
    keptBack === 0 ? '' : `; ${keptBack} others stay as they are${caution === undefined ? '' : `: ${caution}`}`
  return `${parts.join('; ')}${kept}`
}

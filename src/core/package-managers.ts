import { type Command, command } from './operation.ts'

/** One package as a simulation would change it; no `from` when new, no `to` when removed. */
export interface PlannedChange {
  readonly name: string
  readonly arch?: string | undefined
  readonly from: string
  readonly to: string
  readonly dependency?: boolean | undefined
}

/** What of the changes is named to the manager. */
export interface Choice {
  readonly changes: readonly PlannedChange[]
  readonly verb: 'install' | 'upgrade'
  /** Names that the caller gave, without versions; none for an upgrade of all. */
  readonly wished: readonly string[]
  /** The same, as they were given. */
  readonly wishes: readonly string[]
}

/** How a package manager is told to perform what was simulated, without a question and without a newer index. */
export interface PackageManager {
  /** Arguments that name the exact versions; undefined where it cannot pin: then the same index has to do. */
  readonly pins: ((choice: Choice) => readonly string[]) | undefined
  commands(choice: Choice): readonly Command[]
  readonly refresh: Command
  /** What a person should know before approving. */
  readonly caution?: string | undefined
  readonly upgradesPart: boolean
}

/** An upgrade stopped half-way leaves a broken machine: it is given more time than one takes. */
const performWithinMs = 60 * 60_000
const lockWaitSeconds = 20

const root = (argv: readonly [string, ...string[]]): Command =>
  command(argv, { asRoot: true, timeoutMs: performWithinMs })

/** Never asks: answers of debconf are its defaults without a terminal, and changed configuration files are kept. */
function apt(...args: readonly string[]): Command {
  const quiet = ['-y', '-q', '-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold']
  const patient = ['-o', 'Dpkg::Use-Pty=0', '-o', `DPkg::Lock::Timeout=${lockWaitSeconds}`]
  return root(['apt-get', ...quiet, ...patient, ...args])
}

const dnf = (...args: readonly string[]): Command => root(['dnf', '-y', '--setopt=exit_on_lock=True', ...args])
const zypper = (...args: readonly string[]): Command => root(['zypper', '--non-interactive', ...args])
const apk = (...args: readonly string[]): Command =>
  root(['apk', '--no-progress', '--wait', String(lockWaitSeconds), ...args])

const isRemoved = ({ to }: PlannedChange): boolean => to === ''
const removes = ({ changes }: Choice): boolean => changes.some(isRemoved)
const aptPin = (change: PlannedChange): string =>
  isRemoved(change) ? `${change.name}-` : `${change.name}=${change.to}`

/** Dependencies count as installed automatically; what was asked for does not, which a second run of apt notes. */
function performApt(choice: Choice): readonly Command[] {
  const { changes, wished } = choice
  const asked = changes.filter(({ name, from, to }) => from === '' && to !== '' && wished.includes(name))
  const along = changes.some(({ name, from }) => from === '' && !wished.includes(name))
  const guard = removes(choice) ? [] : ['--no-remove']
  const first = apt(...guard, ...(along ? ['--mark-auto'] : []), 'install', ...changes.map(aptPin))
  return along && asked.length > 0 ? [first, apt('--no-remove', 'install', ...asked.map(aptPin))] : [first]
}

/** New dependencies are not named, which would note them as asked for: pins and index decide them. */
const named = ({ changes, wished }: Choice): readonly PlannedChange[] =>
  changes.filter(
    (change) => !isRemoved(change) && !(change.dependency ?? (change.from === '' && !wished.includes(change.name))),
  )

const rpmPins = (join: (change: PlannedChange) => string) => (choice: Choice) => named(choice).map(join)
const dnfPins = rpmPins(({ name, arch, to }) => `${name}-${to}.${arch}`)
const zypperPins = rpmPins(({ name, arch, to }) => `${name}.${arch}=${to}`)

/** By the manager's name in a simulation. */
export const packageManagers: ReadonlyMap<string, PackageManager> = new Map<string, PackageManager>([
  [
    'apt',
    {
      pins: ({ changes }) => changes.map(aptPin),
      commands: performApt,
      refresh: apt('-o', 'APT::Update::Error-Mode=any', 'update'),
      upgradesPart: true,
    },
  ],
  [
    'dnf',
    {
      pins: dnfPins,
      commands: (choice) => [
        dnf(
          '--setopt=metadata_expire=-1',
          ...(removes(choice) ? ['--allowerasing'] : []),
          'install',
          ...dnfPins(choice),
        ),
      ],
      refresh: dnf('makecache', '--refresh'),
      upgradesPart: true,
    },
  ],
  [
    'zypper',
    {
      pins: zypperPins,
      commands: (choice) => [
        zypper(
          '--no-refresh',
          'install',
          '--auto-agree-with-licenses',
          ...(removes(choice) ? ['--force-resolution'] : []),
          ...zypperPins(choice),
        ),
      ],
      refresh: zypper('refresh'),
      upgradesPart: true,
    },
  ],
  [
    'pacman',
    {
      pins: undefined,
      commands: ({ wishes }) => [
        root(['pacman', '--noconfirm', ...(wishes.length === 0 ? ['-Su'] : ['-S', '--needed', '--', ...wishes])]),
      ],
      refresh: root(['pacman', '-Sy', '--noconfirm']),
      caution: 'Arch does not support partial upgrades',
      upgradesPart: false,
    },
  ],
  [
    'apk',
    {
      // A pin of apk would stay in /etc/apk/world and hold the package back for ever.
      pins: undefined,
      commands: ({ verb, wishes }) => [apk('--cache-max-age', '525600', verb === 'install' ? 'add' : verb, ...wishes)],
      refresh: apk('update'),
      upgradesPart: true,
    },
  ],
])

/** `hello` of `hello=2.10-3`. */
export const nameOf = (wish: string): string => wish.split('=', 1)[0] ?? wish

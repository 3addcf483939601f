import { parseArgs } from 'node:util'
import { GatewayError } from '../core/errors.ts'
import { versionPattern } from '../core/release-version.ts'
import { buildTarget, ownExecutable } from '../lib/build.ts'
import { projectUrl, releaseKeys } from '../lib/release-keys.ts'
import { placesOf } from '../release/executable.ts'
import { type RollbackEnd, recover, rollBack } from '../release/rollback.ts'
import type { Fetch, ReleaseSource } from '../release/source.ts'
import { folderSource, webSource } from '../release/source.ts'
import type { Progress, UpdateStep } from '../release/steps.ts'
import { type Installation, type UpdateEnd, UpdateRefused, update as updateTo } from '../release/update.ts'
import { takeExclusive } from '../state/exclusive.ts'
import type { CliCommand, World } from './command.ts'
import { installationAt, type Patience } from './installation.ts'

const usage = `tailops update [--check | --dry-run | --rollback] [--version V] [--channel stable|beta] [--from FILE|FOLDER]
               [--allow-downgrade] [--no-restart] [--json]

Replaces this executable by a newer one whose manifest is signed, restarts the service, and goes back when the new
version does not become ready. --check only tells whether there is one; --dry-run fetches and tries it, too, and
installs nothing; --rollback goes back to the version before. --from takes a release from a folder, without network.

Exit codes: 0 done, or nothing to do · 1 failure · 2 wrong usage · 3 another update runs · 4 the release cannot be had ·
5 it cannot be trusted · 6 its version is refused · 7 the new executable failed its trial · 8 it cannot be written ·
9 it was not healthy, the old version runs again · 10 neither is healthy · 100 --check found a newer version.
With 3 to 8 nothing was changed.`

/** What a build knows of itself, and the world that only an update sees; tests hand in their own. */
export interface Build {
  readonly keys: readonly string[]
  readonly projectUrl: string
  readonly target: string | undefined
  readonly executable: string
  readonly fetch: Fetch
  readonly patience: Patience
  /** Told of each step, as the person is. */
  readonly watch?: Progress
}

const thisBuild: Build = {
  keys: releaseKeys,
  projectUrl,
  target: buildTarget,
  executable: ownExecutable,
  fetch: (url, init) => fetch(url, init),
  patience: { trialMs: 30_000, readyMs: 60_000, settleMs: 5_000 },
}

/** `tailops update`: the only way by which this executable is replaced. */
const update: CliCommand = { usage, run: (argv, world) => runUpdate(argv, world, thisBuild) }

export default update

/** The command for a given build. */
export async function runUpdate(argv: readonly string[], world: World, build: Build): Promise<number> {
  const options = readOptions(argv)
  const wrong = misuse(options)
  if (wrong !== undefined) {
    world.terminal.err(`tailops update: ${wrong}\n\n${usage}\n`)
    return 2
  }
  try {
    const ends = options.check ? [await checkOnly(options, world, build)] : await alone(options, world, build)
    for (const end of ends) show(world, end, options.json)
    return exitOf(ends.at(-1)) ?? 1
  } catch (error) {
    if (!(error instanceof UpdateRefused)) throw error
    return refuse(world, error, options.json)
  }
}

type Options = ReturnType<typeof readOptions>
type End = UpdateEnd | RollbackEnd

function readOptions(argv: readonly string[]) {
  const [flag, text] = [{ type: 'boolean', default: false } as const, { type: 'string' } as const]
  const options = {
    ...{ check: flag, 'dry-run': flag, rollback: flag, 'allow-downgrade': flag, 'no-restart': flag, json: flag },
    ...{ version: text, channel: text, from: text },
  }
  return parseArgs({ args: [...argv], options }).values
}

function misuse({ version, channel, from, ...flags }: Options): string | undefined {
  const modes = [flags.check, flags['dry-run'], flags.rollback].filter(Boolean)
  if (modes.length > 1) return '--check, --dry-run or --rollback, not several'
  const chosen = [version, channel, from].some((value) => value !== undefined)
  if (flags.rollback && chosen) return '--rollback goes to the version before, no other'
  if (version !== undefined && !versionPattern.test(version)) return `${JSON.stringify(version)} is no version (1.2.3)`
  if (channel !== undefined && channel !== 'stable' && channel !== 'beta') return 'the channels are stable and beta'
  return undefined
}

async function checkOnly(options: Options, world: World, build: Build): Promise<End> {
  const request = requestOf(options, world, build)
  return await updateTo(await open(options, world, build), { ...request, until: 'check' })
}

/** Under the lock: first ends what was cut off, then does what was asked. */
async function alone(options: Options, world: World, build: Build): Promise<readonly End[]> {
  const request = options.rollback ? undefined : requestOf(options, world, build)
  targetOf(build)
  const lock = takeExclusive(placesOf(build.executable).lock)
  if (lock === undefined) {
    throw new UpdateRefused(
      'recover',
      new GatewayError('busy', 'another update is running', { hint: 'wait for its end' }),
    )
  }
  try {
    const installation = await open(options, world, build)
    const recovered = options['dry-run'] ? undefined : await recover(installation)
    // After going back, another version than this process is installed.
    if (recovered !== undefined && recovered.end !== 'updated') return [recovered]
    const first = recovered === undefined ? [] : [recovered]
    if (request === undefined) return [...first, await rollBack(installation)]
    return [...first, await updateTo(installation, { ...request, until: options['dry-run'] ? 'dry_run' : 'update' })]
  } finally {
    lock.release()
  }
}

function open(options: Options, world: World, build: Build): Promise<Installation> {
  const progress: Progress = (step, what) => {
    world.terminal.err(`${step.padEnd(9)} ${what}\n`)
    build.watch?.(step, what)
  }
  return installationAt({ ...build, restart: !options['no-restart'], progress }, world)
}

function requestOf(options: Options, { version: current }: World, build: Build) {
  const { version: wanted, channel, from } = options
  const target = targetOf(build)
  if (build.keys.length === 0) throw cannotUpdate('it has no release key, so it can trust none')
  const any = from !== undefined || wanted !== undefined
  const question = {
    current: { version: current, target },
    keys: build.keys,
    wanted,
    channel: channel ?? (any ? undefined : 'stable'),
    allowDowngrade: options['allow-downgrade'],
  }
  return { source: sourceOf(options, build), question }
}

function targetOf({ target }: Build): string {
  if (target === undefined) throw cannotUpdate('it does not know for which machine it was built')
  return target
}

const cannotUpdate = (why: string): UpdateRefused =>
  new UpdateRefused(
    'signature',
    new GatewayError('denied', `this build cannot update itself: ${why}`, {
      hint: 'install a released version with install.sh, or build the newer version as you built this one',
    }),
  )

function sourceOf(
  { from, version, channel = 'stable' }: Options,
  { projectUrl: url, fetch: get }: Build,
): ReleaseSource {
  if (from !== undefined) return folderSource(from)
  if (url !== '') return webSource({ projectUrl: url, channel, version }, get)
  throw new UpdateRefused(
    'manifest',
    new GatewayError('not_found', 'this build does not know where its releases are', {
      hint: 'tailops update --from FOLDER takes a release that you have fetched',
    }),
  )
}

function refuse({ terminal }: World, refused: UpdateRefused, json: boolean): number {
  const { step, code, hint, cause } = refused
  const why = code === 'internal' && cause instanceof Error ? ` (${cause.message})` : ''
  const message = `${refused.message}${why}`
  if (json) terminal.out(`${JSON.stringify({ end: 'refused', step, code, message, hint })}\n`)
  terminal.err(`tailops update: ${step}: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`)
  return refusals[step]
}

const refusals: Readonly<Record<UpdateStep, number>> = {
  recover: 3,
  manifest: 4,
  signature: 5,
  version: 6,
  download: 4,
  size: 5,
  hash: 5,
  unpack: 8,
  trial: 7,
  backup: 8,
  keep: 8,
  switch: 8,
  restart: 1,
  health: 1,
  done: 1,
  back: 1,
}

function exitOf(end: End | undefined): number | undefined {
  switch (end?.end) {
    case 'available':
      return 100
    case 'restored':
      return 9
    case 'broken':
      return 10
    case undefined:
      return undefined
    default:
      return 0
  }
}

function show({ terminal }: World, end: End, json: boolean): void {
  const why = 'why' in end ? { why: end.why.message, hint: end.why.hint } : {}
  terminal.out(`${json ? JSON.stringify({ ...end, ...why }) : sentence(end)}\n`)
}

function sentence(end: End): string {
  const { from, to } = end
  switch (end.end) {
    case 'current':
      return `${from} is the newest version`
    case 'available':
      return `${to} is available, ${from} is installed; tailops update installs it`
    case 'tried':
      return `${to} was fetched and tried; nothing was changed`
    case 'updated':
      return `updated from ${from} to ${to}${started(end.health)}`
    case 'rolled_back':
      return `went back from ${from} to ${to}${started(end.health)}${put(end.restored)}`
    case 'restored':
      return `${to} was not healthy (${end.why.message}); ${from} runs again${put(end.restored)}`
    case 'broken':
      return `neither ${to} nor ${from} is healthy: ${end.why.message}; ${end.why.hint}`
  }
}

const started = (health: 'ready' | 'not_measured'): string =>
  health === 'ready' ? ', and it is ready' : '; nothing was restarted: restart what runs tailops'

const put = (restored: readonly string[]): string =>
  restored.length === 0 ? '' : `; the older ${restored.join(' and ')} put back, the newer kept as *.newer`

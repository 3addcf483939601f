import { homedir } from 'node:os'
import { join } from 'node:path'
import { ownTarget } from './config/own-target.ts'
import type { TargetsConfig } from './config/targets-config.ts'
import { GatewayError } from './core/errors.ts'
import type { Executor } from './core/executor.ts'
import type { OwnChange } from './core/fleet.ts'
import type { FleetStore } from './core/fleet-ports.ts'
import type { Policy } from './core/policy.ts'
import type { Targets } from './core/ports.ts'
import type { Target } from './core/target.ts'
import type { Contacts } from './executors/contacts.ts'
import { openGatewayTarget } from './executors/gateway.ts'
import { executorOf, type ReachedTarget } from './executors/index.ts'
import type { LinkPool } from './executors/ssh-links.ts'
import { linksTo } from './executors/ssh-links-to.ts'
import { guestTargets } from './fleet/guest-targets.ts'
import type { Look } from './fleet/look.ts'
import { openOwnChanges } from './fleet/own-changes.ts'
import { sourcesOf } from './fleet/sources.ts'
import { openWatch, type Watch } from './fleet/watch.ts'
import { backgroundRead } from './gateway/background-read.ts'
import type { Jobs } from './gateway/jobs.ts'
import { systemClock } from './lib/clock.ts'
import type { Json } from './lib/json.ts'
import type { Logger } from './lib/log.ts'
import { version } from './lib/version.ts'
import { scripts } from './scripts/index.ts'
import type { State } from './state/open.ts'
import { tools } from './tools/index.ts'

/** A configuration and where it was read. */
export interface ReadConfig {
  readonly config: TargetsConfig
  readonly policy: Policy
  readonly file: string
  readonly warnings: number
}

/** What targets need beside their configuration, and keep when it is loaded again. */
export interface TargetParts {
  readonly state: State
  readonly log: Logger
  readonly stateDir: string
  readonly uid: number
  readonly process: NodeJS.Process
  readonly jobs: Jobs
  readonly contacts: Contacts
  /** What is open to ssh targets; a new configuration takes over what is the same in it. */
  readonly sshPool: LinkPool
  readonly startedMs: number
  /** Hears of every look at the fleet that found something different. */
  changed(look: Look): void
}

/** How a change stands, after waiting for its end; undefined for an unknown one. */
export type AnswerOfJob = (
  id: string,
  wait: { readonly withinMs: number; readonly signal: AbortSignal },
) => Promise<Json | undefined>

/** Targets whose connections somebody must close, and who looks at them. */
export interface OpenTargets extends Targets {
  readonly watch: Watch
  /** Remembers what a change of ours touches; what it returns looks at that once the change has ended. */
  changing(changes: readonly OwnChange[]): () => Promise<void>
  /** Ends the looks that are under way: whoever stops does not wait for a source that hangs. */
  endLooks(): void
  close(): Promise<void>
}

/** The targets of the configuration, and the gateway itself. */
export function openTargets(parts: TargetParts, read: ReadConfig, answerOf: AnswerOfJob): OpenTargets {
  const { state, jobs, contacts } = parts
  const configured: readonly ReachedTarget[] = [ownTarget(read.config), ...read.config.targets]
  const all = withGuests(configured, state.fleet)
  const gateway = openGatewayTarget({
    get targets() {
      return all()
    },
    tools,
    policy: read.policy,
    approvals: state.approvals,
    audit: state.audit,
    outputs: state.outputs,
    contacts,
    clock: systemClock,
    job: (id, withinMs, signal) => answerOf(id, { withinMs, signal }),
    cancel: (id) => jobs.cancel(id),
    health: healthOf(parts, read),
    fleet: state.fleet,
    discover: async (sources) => (await watch.now(sources)).map(endOf),
  })
  const executors = openExecutors(parts, { configured, all }, gateway)
  const over = new AbortController()
  const look = backgroundRead(executors.of)
  const own = openOwnChanges(systemClock)
  const sources = sourcesOf(read.config.targets, {
    store: state.fleet,
    own,
    now: systemClock.now,
    read: (target, operation) => look(target, operation, over.signal),
  })
  const watch = openWatch({ ...parts, store: state.fleet, clock: systemClock, random: Math.random, sources })
  const close = () => {
    over.abort()
    return executors.close()
  }
  return {
    get all() {
      return all()
    },
    executor: executors.of,
    watch,
    endLooks: () => over.abort(),
    changing(changes) {
      const ended = own.begin(changes)
      return async () => {
        ended()
        const touched = [...new Set(changes.map(({ source }) => source))]
        await Promise.all(touched.map((source) => watch.soon(source, over.signal)))
      }
    },
    close,
  }
}

/** Looks at the fleet until it is closed, which waits for the calls and changes of these targets and ends their connections. */
export function untilClosed(
  targets: OpenTargets,
  calls: ReadonlySet<Promise<void>>,
  { jobs, log }: Pick<TargetParts, 'jobs' | 'log'>,
): { watch(): void; close(): Promise<void> } {
  const over = new AbortController()
  let watching: Promise<void> | undefined
  return {
    watch() {
      watching ??= targets.watch
        .run(over.signal)
        .catch((error: unknown) => log.error('the fleet is not watched any more', { error }))
    },
    async close() {
      over.abort()
      targets.endLooks()
      await Promise.all(calls)
      await jobs.idle()
      await watching
      await targets.close()
    },
  }
}

/** The configured targets and the guests that discovery has found, as the fleet is now. */
function withGuests(configured: readonly ReachedTarget[], fleet: FleetStore): () => readonly ReachedTarget[] {
  let known: { readonly version: number; readonly all: readonly ReachedTarget[] } | undefined
  return () => {
    const version = fleet.version()
    if (known?.version !== version)
      known = { version, all: [...configured, ...guestTargets(configured, fleet.resources())] }
    return known.all
  }
}

function healthOf({ state, jobs, startedMs }: TargetParts, { file, warnings, config }: ReadConfig): () => Json {
  const loadedAt = systemClock.now().toISOString()
  return () => ({
    version,
    gateway: gatewayOf(state, config),
    uptime_s: Math.round((systemClock.elapsedMs() - startedMs) / 1000),
    config: file,
    loaded_at: loadedAt,
    warnings,
    audit_writable: state.audit.writable(),
    audit_records: state.audit.tail({ limit: 1 })[0]?.seq ?? 0,
    running_changes: jobs.running,
  })
}

/** A key that cannot be used is a problem to report, not the end of the report. */
function gatewayOf(state: State, { gateway: { id, name = id, segment } }: TargetsConfig): Json {
  try {
    return { id: state.identity().id, name, segment }
  } catch (error) {
    return { problem: GatewayError.from(error).message, name, segment }
  }
}

interface AllTargets {
  readonly configured: readonly ReachedTarget[]
  /** With the guests of the moment. */
  all(): readonly ReachedTarget[]
}

interface Opened {
  /** Of a guest: what it is reached by, for it may change. */
  readonly way: string
  readonly executor: Executor
}

/** One executor a target, opened when it is first needed; that of a guest goes when the guest has moved or gone. */
function openExecutors(
  { stateDir, uid, process, state, log, contacts, sshPool: pool }: TargetParts,
  { configured, all }: AllTargets,
  gateway: Executor,
) {
  const env = { PATH: process.env['PATH'] ?? standardPath, HOME: homedir() }
  const local = { stepsDir: join(stateDir, 'steps'), scripts, env, uid, clock: systemClock }
  const agentSocket = process.env['SSH_AUTH_SOCK']
  const sshLinks = linksTo(configured, { clock: systemClock, pins: state.hostKeys, agentSocket, pool })
  const opened = new Map<string, Opened>()
  const forget = (id: string) => {
    const executor = opened.get(id)?.executor
    opened.delete(id)
    return executor?.close()
  }
  const carrier = (id: string): Executor => of(carrierIn(configured, id))
  const of = ({ id }: Target): Executor => {
    const target = all().find((candidate) => candidate.id === id)
    const known = opened.get(id)
    if (known !== undefined && target !== undefined && known.way === wayTo(target)) return known.executor
    for (const gone of [id, ...vanished(opened.keys(), all())])
      forget(gone)?.catch((error: unknown) => log.warn('closing the way to a guest', { target: gone, error }))
    if (target === undefined) throw noLonger(id)
    const executor = contacts.watched(id, executorOf({ ...local, gateway, sshLinks, carrier }, target))
    opened.set(id, { way: wayTo(target), executor })
    return executor
  }
  const close = async () => {
    await Promise.all([...opened.keys()].map(forget))
    sshLinks.close()
  }
  return { of, close }
}

/** Only a guest's way changes while a configuration lasts. It holds no secret of its own: those are the configuration's. */
const wayTo = ({ kind, connection }: ReachedTarget): string => (kind === 'guest' ? JSON.stringify(connection) : '')

const vanished = (ids: Iterable<string>, all: readonly Target[]): readonly string[] => {
  const there = new Set(all.map(({ id }) => id))
  return [...ids].filter((id) => !there.has(id))
}

const noLonger = (id: string) =>
  new GatewayError('unknown_target', `${id} is no longer there`, {
    hint: 'list_targets shows what is; run_discovery looks for guests anew',
  })

function carrierIn(configured: readonly ReachedTarget[], id: string): ReachedTarget {
  const target = configured.find((candidate) => candidate.id === id)
  if (target?.capabilities.includes('guest:exec') === true) return target
  if (target === undefined)
    throw new GatewayError('unsupported_target', `${id}, which would carry it, is no target`, {
      hint: `the operator can add ${id} to targets.yaml, with guest:exec among its capabilities`,
    })
  throw new GatewayError('denied', `${id} does not carry operations of guests`, {
    hint: `the operator can add guest:exec to the capabilities of ${id} in targets.yaml`,
  })
}

const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const endOf = ({ source, changes, gaps, error }: Look): Json => ({
  source,
  changes: changes.length,
  gaps,
  error: error && `${error.code}: ${error.message}`,
})

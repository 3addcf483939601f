import { homedir } from 'node:os'
import { join } from 'node:path'
import type { TargetsConfig } from './config/targets-config.ts'
import { GatewayError } from './core/errors.ts'
import type { Executor } from './core/executor.ts'
import { defaultPolicy } from './core/policy.ts'
import type { Targets } from './core/ports.ts'
import { defaultConstraints, type Target } from './core/target.ts'
import type { Contacts } from './executors/contacts.ts'
import { openGatewayTarget } from './executors/gateway.ts'
import { executorOf, type ReachedTarget } from './executors/index.ts'
import type { LinkPool } from './executors/ssh-links.ts'
import { linksTo } from './executors/ssh-links-to.ts'
import type { Look } from './fleet/look.ts'
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
  close(): Promise<void>
}

/** The targets of the configuration, and the gateway itself. */
export function openTargets(parts: TargetParts, read: ReadConfig, answerOf: AnswerOfJob): OpenTargets {
  const { state, jobs, contacts } = parts
  const all: readonly ReachedTarget[] = [ownTarget(read), ...read.config.targets]
  const gateway = openGatewayTarget({
    targets: all,
    tools,
    policy: defaultPolicy,
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
  const executors = openExecutors(parts, all, gateway)
  const over = new AbortController()
  const look = backgroundRead(executors.of)
  const sources = sourcesOf(read.config.targets, {
    store: state.fleet,
    now: systemClock.now,
    read: (target, operation) => look(target, operation, over.signal),
  })
  const watch = openWatch({ ...parts, store: state.fleet, clock: systemClock, random: Math.random, sources })
  const close = () => {
    over.abort()
    return executors.close()
  }
  return { all, executor: executors.of, watch, close }
}

const ownTarget = ({ config: { gateway } }: ReadConfig): ReachedTarget => ({
  id: 'gateway',
  kind: 'gateway',
  tags: [],
  capabilities: gateway.capabilities,
  constraints: defaultConstraints,
  segment: gateway.segment,
})

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

/** One executor a target, opened when it is first needed. */
function openExecutors(
  { stateDir, uid, process, state, contacts, sshPool: pool }: TargetParts,
  all: readonly ReachedTarget[],
  gateway: Executor,
) {
  const env = { PATH: process.env['PATH'] ?? standardPath, HOME: homedir() }
  const local = { stepsDir: join(stateDir, 'steps'), scripts, env, uid, clock: systemClock }
  const agentSocket = process.env['SSH_AUTH_SOCK']
  const sshLinks = linksTo(all, { clock: systemClock, pins: state.hostKeys, agentSocket, pool })
  const opened = new Map<string, Executor>()
  const of = ({ id }: Target): Executor => {
    const known = opened.get(id)
    if (known !== undefined) return known
    const target = all.find((candidate) => candidate.id === id)
    if (target === undefined) throw new TypeError(`no target ${id}`)
    const made = contacts.watched(id, executorOf({ ...local, gateway, sshLinks }, target))
    opened.set(id, made)
    return made
  }
  const close = async () => {
    await Promise.all([...opened.values()].map((one) => one.close()))
    sshLinks.close()
  }
  return { of, close }
}

const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const endOf = ({ source, changes, gaps, error }: Look): Json => ({
  source,
  changes: changes.length,
  gaps,
  error: error && `${error.code}: ${error.message}`,
})

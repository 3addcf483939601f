import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import type { App } from './cli/command.ts'
import { loadTargets } from './config/load.ts'
import { severityLine } from './config/problem.ts'
import { defaultConfigPath, type Settings } from './config/settings.ts'
import type { TargetsConfig } from './config/targets-config.ts'
import { capabilities } from './core/capability.ts'
import { GatewayError } from './core/errors.ts'
import type { Executor } from './core/executor.ts'
import { defaultPolicy } from './core/policy.ts'
import type { Targets } from './core/ports.ts'
import { type Caller, defaultConstraints, type Target } from './core/target.ts'
import { type Contacts, openContacts } from './executors/contacts.ts'
import { openGatewayTarget } from './executors/gateway.ts'
import { executorOf, type ReachedTarget } from './executors/index.ts'
import type { LinkPool } from './executors/ssh-links.ts'
import { linksTo } from './executors/ssh-links-to.ts'
import { call, type Gateway } from './gateway/call.ts'
import { type Jobs, openJobs } from './gateway/jobs.ts'
import { reconcileOrphans } from './gateway/reconcile.ts'
import { knownTargets, visibleTools } from './gateway/visible-tools.ts'
import { answerOfJob } from './gateway/wait-for-end.ts'
import { systemClock } from './lib/clock.ts'
import type { Json } from './lib/json.ts'
import type { Logger } from './lib/log.ts'
import { randomId } from './lib/random-id.ts'
import { secretsIn } from './lib/secret.ts'
import { version } from './lib/version.ts'
import { scripts } from './scripts/index.ts'
import { callTool } from './server/call-tool.ts'
import { openDoor } from './server/door.ts'
import type { McpParts } from './server/mcp-parts.ts'
import { serveHttp } from './server/serve-http.ts'
import { untilStopped } from './server/until-stopped.ts'
import type { State } from './state/open.ts'
import { tools } from './tools/index.ts'

/** What a gateway is made of. */
export interface Parts {
  readonly settings: Settings
  readonly state: State
  readonly log: Logger
  readonly stateDir: string
  readonly uid: number
  readonly process: NodeJS.Process
}

/** A gateway that can be called and served. */
export interface OpenApp extends App {
  current(): McpParts
  /** Who calls over stdio. @throws GatewayError credentials_rejected */
  stdioCaller(): Caller
  /** The new configuration as a whole, or the old one. Calls in flight finish on the one they began with. */
  reload(): boolean
  /** Hears the tool of every call that has ended; undefined hears no more. */
  onCall(listener: ((tool: string) => void) | undefined): void
}

/** @throws GatewayError invalid_config */
export async function openApp(parts: Parts): Promise<OpenApp> {
  const { state, log, uid, process, settings } = parts
  const jobs = openJobs(systemClock)
  let listener: ((tool: string) => void) | undefined
  const onCall: OpenApp['onCall'] = (given) => {
    listener = given
  }
  const lasting = {
    ...parts,
    jobs,
    contacts: openContacts(systemClock),
    sshPool: new Map(),
    doorKey: randomBytes(32),
    startedMs: systemClock.elapsedMs(),
    called: (tool: string) => listener?.(tool),
  }
  const load = () => loadGateway(lasting)
  let loaded = load()
  await reconcileOrphans(loaded.gateway)
  const current = () => loaded.mcp
  const never = new AbortController().signal

  const reload = (): boolean => {
    const before = loaded
    try {
      loaded = load()
      before.close().catch((error: unknown) => log.error('closing what the old configuration had opened', { error }))
      log.info('configuration reloaded', { targets: loaded.gateway.targets.all.length })
      return true
    } catch (error) {
      log.error('configuration not reloaded: the old one stays in force', { error })
      return false
    }
  }
  return {
    tools,
    current,
    reload,
    onCall,
    stdioCaller: () => stdioCaller(parts),
    callTool: (tool, args) =>
      callTool(current(), tool, { args, caller: { id: `cli:${uid}`, scopes: capabilities }, signal: never }),
    async serveHttp() {
      const { listen: address, baseUrl, authMode } = settings
      const { audit, tokens } = state
      const ready = () => audit.writable()
      const rest = { audit, tokens, clock: systemClock, log, current, newId: randomId, ready, hostname: hostname() }
      const service = await serveHttp({ address, baseUrl, authMode, ...rest })
      log.info('listening', { url: service.url, auth: authMode, targets: loaded.gateway.targets.all.length })
      await untilStopped(process, service, { clock: systemClock, reload, onCall })
    },
    close: () => loaded.close(),
  }
}

interface Loaded {
  readonly gateway: Gateway
  readonly mcp: McpParts
  /** Waits for its calls and changes, then closes every connection. */
  close(): Promise<void>
}

/** What stays the same when the configuration is loaded again. */
interface Lasting extends Parts {
  readonly jobs: Jobs
  readonly contacts: Contacts
  /** What is open to ssh targets; a new configuration takes over what is the same in it. */
  readonly sshPool: LinkPool
  readonly doorKey: Uint8Array
  readonly startedMs: number
  called(tool: string): void
}

/** A gateway of the configuration as it stands now. @throws GatewayError invalid_config */
function loadGateway(parts: Lasting): Loaded {
  const { state, log, settings, jobs, doorKey } = parts
  const { approvals, audit, journal, outputs, fleet } = state
  const read = configOf(parts)
  const targets = openTargets(parts, read, (id, wait) => answerOfJob(gateway, id, wait))
  const gateway: Gateway = {
    tools,
    targets,
    policy: defaultPolicy,
    approvals,
    audit,
    journal,
    outputs,
    fleet,
    jobs,
    clock: systemClock,
    log,
    version,
    newId: () => randomId(),
  }
  const calls = new Set<Promise<void>>()
  const held = [...secretsIn(read.config), ...secretsIn(settings)]
  const mcp: McpParts = {
    tools,
    output: settings.output,
    door: openDoor({ held, key: doorKey, outputs }),
    visible: (caller) => visibleTools(gateway, caller),
    targetIds: (caller) => knownTargets(gateway, caller),
    call: (request) => {
      const answer = call(gateway, request)
      const ended = answer.then(ignore, ignore).then(() => {
        calls.delete(ended)
        parts.called(request.tool.name)
      })
      calls.add(ended)
      return answer
    },
  }
  const close = async () => {
    await Promise.all(calls)
    await jobs.idle()
    await targets.close()
  }
  return { gateway, mcp, close }
}

const ignore = () => undefined

interface ReadConfig {
  readonly config: TargetsConfig
  readonly file: string
  readonly warnings: number
}

/** @throws GatewayError invalid_config with every problem of the file */
function configOf({ process, uid, log }: Parts): ReadConfig {
  const file = defaultConfigPath(process.env, { uid, home: homedir(), exists: existsSync })
  const { config, problems } = loadTargets(file, process.env)
  const warnings = problems.filter(({ severity }) => severity === 'warning')
  for (const problem of warnings) log.warn('configuration', { problem: severityLine(problem) })
  if (config !== undefined) return { config, file, warnings: warnings.length }
  const errors = problems.filter(({ severity }) => severity === 'error')
  throw new GatewayError('invalid_config', errors.map(severityLine).join('\n'), {
    hint: `tailops validate-config ${file} checks it`,
  })
}

type AnswerOfJob = (
  id: string,
  wait: { readonly withinMs: number; readonly signal: AbortSignal },
) => Promise<Json | undefined>

/** Targets whose connections somebody must close. */
interface OpenTargets extends Targets {
  close(): Promise<void>
}

/** The targets of the configuration, and the gateway itself. */
function openTargets(parts: Lasting, { config, file, warnings }: ReadConfig, answerOf: AnswerOfJob): OpenTargets {
  const { stateDir, uid, process, state, jobs, contacts } = parts
  const { segment, capabilities: granted } = config.gateway
  const own = {
    id: 'gateway',
    kind: 'gateway',
    tags: [],
    capabilities: granted,
    constraints: defaultConstraints,
    segment,
  } as const
  const all: readonly ReachedTarget[] = [own, ...config.targets]
  const loadedAt = systemClock.now().toISOString()
  const health = () => ({
    version,
    uptime_s: Math.round((systemClock.elapsedMs() - parts.startedMs) / 1000),
    config: file,
    loaded_at: loadedAt,
    warnings,
    audit_writable: state.audit.writable(),
    audit_records: state.audit.tail({ limit: 1 })[0]?.seq ?? 0,
    running_changes: jobs.running,
  })
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
    health,
  })
  const env = { PATH: process.env['PATH'] ?? standardPath, HOME: homedir() }
  const local = { stepsDir: join(stateDir, 'steps'), scripts, env, uid, clock: systemClock }
  const [agentSocket, pool] = [process.env['SSH_AUTH_SOCK'], parts.sshPool]
  const sshLinks = linksTo(all, { clock: systemClock, pins: state.hostKeys, agentSocket, pool })
  const opened = new Map<string, Executor>()
  const executor = ({ id }: Target): Executor => {
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
  return { all, executor, close }
}

const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Over stdio: the scopes of TAILOPS_TOKEN where it is set, else all; what targets grant binds all the same. */
function stdioCaller({ settings, state, uid }: Parts): Caller {
  const id = `stdio:${uid}`
  if (settings.token === undefined) return { id, scopes: capabilities }
  const verified = state.tokens.verify(settings.token.reveal())
  if (verified !== undefined) return { id, scopes: verified.caller.scopes }
  throw new GatewayError('credentials_rejected', 'TAILOPS_TOKEN is unknown, expired or revoked', {
    hint: 'tailops token mint makes a new one',
  })
}

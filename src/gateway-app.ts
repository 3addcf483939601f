import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import type { App } from './cli/command.ts'
import { loadBoth } from './config/load-both.ts'
import { severityLine } from './config/problem.ts'
import { defaultConfigPath, type Settings } from './config/settings.ts'
import { capabilities } from './core/capability.ts'
import { GatewayError } from './core/errors.ts'
import type { AuditLog } from './core/ports.ts'
import type { Caller } from './core/target.ts'
import { openContacts } from './executors/contacts.ts'
import { call, type Gateway } from './gateway/call.ts'
import { openCallTurnstile } from './gateway/call-turnstile.ts'
import { openJobs } from './gateway/jobs.ts'
import { reconcileOrphans } from './gateway/reconcile.ts'
import { grantsOf, knownTargets, visibleTools } from './gateway/visible-tools.ts'
import { answerOfJob } from './gateway/wait-for-end.ts'
import { watchedAudit } from './gateway/watched-audit.ts'
import { openTargets, type ReadConfig, type TargetParts, untilClosed } from './gateway-targets.ts'
import { systemClock } from './lib/clock.ts'
import type { Logger } from './lib/log.ts'
import { randomId } from './lib/random-id.ts'
import { secretsIn } from './lib/secret.ts'
import type { Turnstile } from './lib/turnstile.ts'
import { version } from './lib/version.ts'
import { callTool } from './server/call-tool.ts'
import { openDoor } from './server/door.ts'
import type { McpParts } from './server/mcp-parts.ts'
import { type Gauges, type Metrics, openMetrics } from './server/metrics.ts'
import { serveHttp } from './server/serve-http.ts'
import { type Listener, untilStopped } from './server/until-stopped.ts'
import { anchorUntil } from './state/audit-anchors.ts'
import { freezeBy } from './state/freeze-by.ts'
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
  /** Of the process, or as a command has it otherwise. */
  readonly env: NodeJS.ProcessEnv
}

/** A gateway that can be called and served. */
export interface OpenApp extends App {
  current(): McpParts
  /** Who calls over stdio. @throws GatewayError credentials_rejected */
  stdioCaller(): Caller
  /** The new configuration as a whole, or the old one. Calls in flight finish on the one they began with. */
  reload(): boolean
  /** Who hears of ended calls and of changes of the fleet; undefined: nobody any more. */
  onNews(listener: Listener | undefined): void
  /** Looks at the fleet from now on, until it is closed. */
  watch(): void
}

/** SIGUSR2 freezes from here on; SIGUSR1 belongs to the debugger of Node and Bun. @throws GatewayError invalid_config */
export async function openApp(parts: Parts): Promise<OpenApp> {
  const { audit, brake } = parts.state
  const freezing = { audit, brake, clock: systemClock, log: parts.log, newId: randomId }
  const onFreeze = () => freezeBy(freezing, 'signal:SIGUSR2')
  parts.process.on('SIGUSR2', onFreeze)
  let listener: Listener | undefined
  const onNews: OpenApp['onNews'] = (given) => {
    listener = given
  }
  const watching = { audit, settings: parts.settings.watch, clock: systemClock, log: parts.log }
  const freeze = (by: string, reason: string) => freezeBy(freezing, by, reason)
  const lasting = {
    ...parts,
    watched: watchedAudit({ ...watching, freeze }),
    jobs: openJobs(systemClock),
    turnstile: openCallTurnstile(parts.settings.maxCalls),
    metrics: openMetrics(systemClock.elapsedMs),
    contacts: openContacts(systemClock),
    sshPool: new Map(),
    doorKey: randomBytes(32),
    startedMs: systemClock.elapsedMs(),
    called: (tool: string) => listener?.called(tool),
    changed() {
      listener?.fleetChanged()
      const now = mcp().grants()
      if (now !== grants) listener?.toolsChanged()
      grants = now
    },
  }
  const service = reloadable(() => loadGateway(lasting), parts.log)
  const { current, watch, reload } = service
  await reconcileOrphans(current().gateway)
  const mcp = () => current().mcp
  let grants = mcp().grants()
  const caller = { id: `cli:${parts.uid}`, scopes: capabilities }
  const signal = new AbortController().signal
  return {
    tools,
    get names() {
      return current().names
    },
    current: mcp,
    reload,
    onNews,
    watch,
    stdioCaller: () => stdioCaller(parts),
    callTool: (tool, args) => callTool(mcp(), tool, { args, caller, signal }),
    serveHttp: () => serveUntilStopped(lasting, service, onNews),
    async close() {
      await current().close()
      parts.process.off('SIGUSR2', onFreeze)
    },
  }
}

interface Reloadable extends Pick<OpenApp, 'reload' | 'watch'> {
  current(): Loaded
}

/** A gateway that a new configuration takes the place of; calls finish on the one they began with. */
function reloadable(load: () => Loaded, log: Logger): Reloadable {
  let loaded = load()
  let isWatching = false
  return {
    current: () => loaded,
    watch() {
      isWatching = true
      loaded.watch()
    },
    reload() {
      const before = loaded
      try {
        loaded = load()
        if (isWatching) loaded.watch()
        before.close().catch((error: unknown) => log.error('closing what the old configuration had opened', { error }))
        log.info('configuration reloaded', { targets: loaded.gateway.targets.all.length })
        return true
      } catch (error) {
        log.error('configuration not reloaded: the old one stays in force', { error })
        return false
      }
    },
  }
}

async function serveUntilStopped(parts: Lasting, { current, reload, watch }: Reloadable, onNews: OpenApp['onNews']) {
  const { process, state, log, settings, turnstile } = parts
  const { listen: address, baseUrl, auth, rates } = settings
  const { audit, brake, identity, tokens } = state
  const ready = () => audit.writable()
  const frozen = () => brake.frozen() !== undefined
  const isCrowded = (caller: string) => turnstile.isFull(caller)
  const limits = { rates, isCrowded, metrics: parts.metrics, gauges: () => gaugesOf(parts, current().gateway) }
  const rest = { audit, tokens, clock: systemClock, log, newId: randomId, ready, frozen, hostname: hostname() }
  const service = await serveHttp({ address, baseUrl, auth, ...rest, ...limits, current: () => current().mcp })
  log.info('listening', { url: service.url, auth: auth.mode, targets: current().gateway.targets.all.length })
  const freeze = brake.frozen()
  if (freeze !== undefined) log.warn('frozen: changes are refused', { freeze })
  watch()
  const over = new AbortController()
  const anchoring = anchorUntil({ ...settings.anchors, audit, identity, clock: systemClock, log }, over.signal)
  try {
    await untilStopped(process, service, { clock: systemClock, reload, onNews })
  } finally {
    over.abort()
    await anchoring
  }
}

interface Loaded {
  readonly names: App['names']
  readonly gateway: Gateway
  readonly mcp: McpParts
  /** Looks at the fleet until it is closed. */
  watch(): void
  /** Waits for its calls and changes, then closes every connection. */
  close(): Promise<void>
}

const gaugesOf = ({ turnstile, state, contacts }: Lasting, { targets, jobs }: Gateway): Omit<Gauges, 'sessions'> => ({
  version,
  jobs: jobs.running,
  callsInside: turnstile.inside,
  callsWaiting: turnstile.waiting,
  approvalsWaiting: state.approvals.list({ state: 'pending', limit: 1000 }).length,
  isFrozen: state.brake.frozen() !== undefined,
  isAuditWritable: state.audit.writable(),
  targets: targets.all.map(({ id, kind }) => ({ id, kind, reached: contacts.of(id)?.reached })),
})

/** What stays the same when the configuration is loaded again. */
interface Lasting extends Parts, TargetParts {
  readonly metrics: Metrics
  /** The audit log, whose records are watched. */
  readonly watched: AuditLog
  readonly turnstile: Turnstile
  readonly doorKey: Uint8Array
  called(tool: string): void
}

/** A gateway of the configuration as it stands now. @throws GatewayError invalid_config */
function loadGateway(parts: Lasting): Loaded {
  const { state, log, settings, jobs, doorKey } = parts
  const { approvals, brake, journal, outputs, fleet } = state
  const read = configOf(parts)
  const targets = openTargets(parts, read, (id, wait) => answerOfJob(gateway, id, wait))
  const gateway: Gateway = {
    tools,
    targets,
    policy: read.policy,
    approvals,
    audit: parts.watched,
    brake,
    journal,
    outputs,
    fleet,
    jobs,
    clock: systemClock,
    log,
    version,
    newId: () => randomId(),
    changing: targets.changing,
  }
  const calls = new Set<Promise<void>>()
  const held = [...secretsIn(read.config), ...secretsIn(settings)]
  const mcp: McpParts = {
    tools,
    output: settings.output,
    door: openDoor({ held, key: doorKey, outputs }),
    visible: (caller) => visibleTools(gateway, caller),
    grants: () => grantsOf(gateway),
    targetIds: (caller) => knownTargets(gateway, caller),
    call: (request) => {
      const answer = parts.turnstile.pass(request.caller.id, request.signal, () => call(gateway, request))
      const ended = answer.then(ignore, ignore).then(() => {
        calls.delete(ended)
        parts.called(request.tool.name)
      })
      calls.add(ended)
      parts.metrics.called(request.tool, answer)
      return answer
    },
  }
  const { id, name = id, segment } = read.config.gateway
  const names = { ...(name !== undefined && { name }), ...(segment !== undefined && { segment }) }
  return { names, gateway, mcp, ...untilClosed(targets, calls, { jobs, log }) }
}

const ignore = () => undefined

/** @throws GatewayError invalid_config with every problem of the files */
function configOf({ env, uid, log }: Parts): ReadConfig {
  const file = defaultConfigPath(env, { uid, home: homedir(), exists: existsSync })
  const { config, policy, policyFile, problems } = loadBoth(file, env, tools)
  const warnings = problems.filter(({ severity }) => severity === 'warning')
  for (const problem of warnings) log.warn('configuration', { problem: severityLine(problem) })
  if (config !== undefined && policy !== undefined) {
    if (policyFile !== undefined) log.info('policy', { file: policyFile, rules: policy.rules.length })
    return { config, policy, file, warnings: warnings.length }
  }
  const errors = problems.filter(({ severity }) => severity === 'error')
  throw new GatewayError('invalid_config', errors.map(severityLine).join('\n'), {
    hint: `tailops validate-config ${file} checks it`,
  })
}

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

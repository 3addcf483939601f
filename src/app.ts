import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { App, Terminal, World } from './cli/command.ts'
import { loadTargets } from './config/load.ts'
import { severityLine } from './config/problem.ts'
import { defaultConfigPath, defaultStateDir, readSettings, type Settings } from './config/settings.ts'
import type { TargetsConfig } from './config/targets-config.ts'
import { capabilities } from './core/capability.ts'
import { GatewayError } from './core/errors.ts'
import { defaultPolicy } from './core/policy.ts'
import type { Targets } from './core/ports.ts'
import type { Caller } from './core/target.ts'
import { openLocal } from './executors/local.ts'
import { call, type Gateway } from './gateway/call.ts'
import { openJobs } from './gateway/jobs.ts'
import { reconcileOrphans } from './gateway/reconcile.ts'
import { visibleTools } from './gateway/visible-tools.ts'
import { systemClock } from './lib/clock.ts'
import { type Logger, logger } from './lib/log.ts'
import { isProcessAlive, processIdentity } from './lib/process-identity.ts'
import { randomId } from './lib/random-id.ts'
import { version } from './lib/version.ts'
import { scripts } from './scripts/index.ts'
import { callTool, type McpParts } from './server/mcp.ts'
import { serveStdio } from './server/stdio.ts'
import { openState, type State } from './state/open.ts'
import { tools } from './tools/index.ts'

/** What the process is given by its surroundings. The world is opened when a command first needs it. */
export function openWorld(process: NodeJS.Process): { readonly terminal: Terminal; world(): OpenWorld } {
  const terminal = openTerminal(process)
  return { terminal, world: () => worldOf(process, terminal) }
}

function openTerminal({ stdin, stdout, stderr }: NodeJS.Process): Terminal {
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    async ask(question) {
      const lines = createInterface({ input: stdin, output: stderr })
      try {
        return await lines.question(question)
      } finally {
        lines.close()
      }
    },
  }
}

/** A world, and the end of it. */
export interface OpenWorld extends World {
  /** Closes the stores that were opened. */
  close(): void
}

function worldOf(process: NodeJS.Process, terminal: Terminal): OpenWorld {
  const uid = process.getuid?.() ?? 0
  const settings = settingsOf(process.env)
  const log = logger(settings.logLevel, (line) => terminal.err(line), systemClock.now)
  const stateDir = settings.stateDir ?? defaultStateDir(process.env, { uid, home: homedir() })
  let state: State | undefined
  return {
    env: process.env,
    terminal,
    stateDir,
    user: `cli:${uid}`,
    version,
    now: systemClock.now,
    stores: () => {
      state ??= stateIn(stateDir, process, log)
      return state
    },
    app: () => {
      state ??= stateIn(stateDir, process, log)
      return openApp({ settings, state, log, stateDir, uid, process })
    },
    close: () => state?.close(),
  }
}

/** What a gateway is made of. */
interface Parts {
  readonly settings: Settings
  readonly state: State
  readonly log: Logger
  readonly stateDir: string
  readonly uid: number
  readonly process: NodeJS.Process
}

async function openApp(parts: Parts): Promise<App> {
  const { state, log, uid, process } = parts
  const config = configOf(parts)
  const gateway: Gateway = {
    tools,
    targets: openTargets(parts, config),
    policy: defaultPolicy,
    approvals: state.approvals,
    audit: state.audit,
    journal: state.journal,
    outputs: state.outputs,
    jobs: openJobs(systemClock),
    clock: systemClock,
    log,
    version,
    newId: () => randomId(),
  }
  await reconcileOrphans(gateway)
  const mcp: McpParts = {
    version,
    visible: (caller) => visibleTools(gateway, caller),
    call: (request) => call(gateway, request),
  }
  const never = new AbortController().signal
  return {
    tools,
    callTool: (tool, args) =>
      callTool(mcp, tool, { args, caller: { id: `cli:${uid}`, scopes: capabilities }, signal: never }),
    serveStdio: () => serveStdio(mcp, stdioCaller(parts), process.stdin),
    close: () => gateway.jobs.idle(),
  }
}

/** @throws GatewayError invalid_config with every problem of the file */
function configOf({ process, uid, log }: Parts): TargetsConfig {
  const file = defaultConfigPath(process.env, { uid, home: homedir(), exists: existsSync })
  const { config, problems } = loadTargets(file, process.env)
  for (const problem of problems)
    if (problem.severity === 'warning') log.warn('configuration', { problem: severityLine(problem) })
  if (config !== undefined) return config
  const errors = problems.filter(({ severity }) => severity === 'error')
  throw new GatewayError('invalid_config', errors.map(severityLine).join('\n'), {
    hint: `tailops validate-config ${file} checks it`,
  })
}

/** The machine's own executor; kinds that this version does not perform may be declared, and say so when asked. */
function openTargets({ stateDir, uid, process }: Parts, config: TargetsConfig): Targets {
  const options = {
    stepsDir: join(stateDir, 'steps'),
    scripts,
    env: { PATH: process.env['PATH'] ?? standardPath, HOME: homedir() },
    uid,
    clock: systemClock,
  }
  return {
    all: config.targets,
    executor({ id, kind, constraints }) {
      if (kind === 'local')
        return openLocal({ ...options, sudo: { policy: constraints.sudoPolicy, commands: constraints.sudoCommands } })
      throw new GatewayError('unsupported_target', `${id}: this version does not perform on ${kind} targets`, {
        hint: 'it performs on local targets',
      })
    },
  }
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

/** @throws GatewayError invalid_config with every problem of the environment */
function settingsOf(env: NodeJS.ProcessEnv): Settings {
  const { settings, problems } = readSettings(env)
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return settings
  throw new GatewayError('invalid_config', errors.map(severityLine).join('; '), {
    hint: 'correct or unset the variable',
  })
}

const stateIn = (dir: string, { pid }: NodeJS.Process, log: Logger): State =>
  openState({
    dir,
    now: systemClock.now,
    newId: randomId,
    process: { id: processIdentity(pid) ?? String(pid), isAlive: isProcessAlive },
    log,
  })

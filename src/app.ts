import { homedir } from 'node:os'
import type { OpenWorld, Terminal } from './cli/command.ts'
import { openTerminal } from './cli/terminal.ts'
import { severityLine } from './config/problem.ts'
import { defaultStateDir, readSettings, type Settings } from './config/settings.ts'
import { GatewayError } from './core/errors.ts'
import type { OpenApp } from './gateway-app.ts'
import { systemClock } from './lib/clock.ts'
import { type Logger, logger } from './lib/log.ts'
import { isProcessAlive, processIdentity } from './lib/process-identity.ts'
import { randomId } from './lib/random-id.ts'
import { version } from './lib/version.ts'
import { untilStopped } from './server/until-stopped.ts'
import { openState, type State } from './state/open.ts'

/** What the process is given by its surroundings. The world is opened when a command first needs it. */
export function openWorld(process: NodeJS.Process): { readonly terminal: Terminal; world(): OpenWorld } {
  const terminal = openTerminal(process)
  return { terminal, world: () => worldOf(process, process.env, terminal) }
}

function worldOf(process: NodeJS.Process, env: NodeJS.ProcessEnv, terminal: Terminal): OpenWorld {
  const uid = process.getuid?.() ?? 0
  const settings = settingsOf(env)
  const log = logger(settings.logLevel, (line) => terminal.err(line), systemClock.now)
  const stateDir = settings.stateDir ?? defaultStateDir(env, { uid, home: homedir() })
  let state: State | undefined
  // What serves and calls is loaded when it is needed: `tailops --help` needs none of it.
  const app = async () => {
    const { openApp } = await import('./gateway-app.ts')
    state ??= stateIn(stateDir, process, log)
    return openApp({ settings, state, log, stateDir, uid, process, env })
  }
  return {
    env,
    terminal,
    stateDir,
    user: `cli:${uid}`,
    version,
    now: systemClock.now,
    stores: () => {
      state ??= stateIn(stateDir, process, log)
      return state
    },
    app,
    serveStdio: () => serveStdioAtOnce(process, app),
    clock: systemClock,
    random: Math.random,
    elsewhere: (places) => worldOf(process, { ...env, TAILOPS_POLICY: undefined, ...places }, terminal),
    close: () => state?.close(),
  }
}

/** How long a client may take to say the first word before we load what the second one needs. */
const greetingWithinMs = 20

/** The client's first question needs nothing of the configuration: it is answered before the gateway is loaded. */
async function serveStdioAtOnce(process: NodeJS.Process, open: () => Promise<OpenApp>): Promise<void> {
  const { serveStdio } = await import('./server/stdio.ts')
  const opened = Promise.withResolvers<OpenApp>()
  opened.promise.catch(() => undefined)
  const service = serveStdio({
    stdin: process.stdin,
    stdout: process.stdout,
    current: async () => (await opened.promise).current(),
    caller: async () => (await opened.promise).stdioCaller(),
  })
  try {
    await Promise.race([service.greeted, systemClock.sleep(greetingWithinMs)])
    const app = await open()
    opened.resolve(app)
    app.watch()
    const { reload, onNews } = app
    await untilStopped(process, service, { clock: systemClock, reload, onNews })
    await app.close()
  } catch (error) {
    opened.reject(error)
    await service.close()
    throw error
  }
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

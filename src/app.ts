import { homedir } from 'node:os'
import { createInterface } from 'node:readline/promises'
import type { Terminal, World } from './cli/command.ts'
import { severityLine } from './config/problem.ts'
import { defaultStateDir, readSettings, type Settings } from './config/settings.ts'
import { GatewayError } from './core/errors.ts'
import { systemClock } from './lib/clock.ts'
import { type Logger, logger } from './lib/log.ts'
import { isProcessAlive, processIdentity } from './lib/process-identity.ts'
import { randomId } from './lib/random-id.ts'
import { version } from './lib/version.ts'
import { openState, type State } from './state/open.ts'

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
    close: () => state?.close(),
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

import { readFileSync, realpathSync } from 'node:fs'
import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { runProgram } from './run-program.ts'

/** The systemd service that runs an executable. */
export interface Service {
  readonly unit: string
  look(): Promise<ServiceState>
  /** @throws GatewayError operation_failed */
  tell(verb: 'restart' | 'stop' | 'start'): Promise<void>
}

export interface ServiceState {
  readonly active: boolean
  /** undefined: nothing runs. */
  readonly pid: number | undefined
}

/** What is needed to talk to systemd. */
export interface Systemd {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
}

const unit = 'tailops.service'
const withinMs = 120_000

/** The service that starts this executable; undefined where there is none, or it starts another one. */
export async function findService(executable: string, systemd: Systemd): Promise<Service | undefined> {
  const properties = await show(['LoadState', 'ExecStart'], systemd)
  const [, path] = /path=(\S+) ;/.exec(properties?.get('ExecStart') ?? '') ?? []
  if (properties?.get('LoadState') !== 'loaded' || path === undefined || resolved(path) !== executable) return undefined
  return {
    unit,
    async look() {
      const found = await show(['ActiveState', 'MainPID'], systemd)
      const pid = Number(found?.get('MainPID') ?? 0)
      return { active: found?.get('ActiveState') === 'active', pid: pid > 0 ? pid : undefined }
    },
    async tell(verb) {
      const { code, stderr } = await systemctl([verb, unit], systemd)
      if (code === 0) return
      throw new GatewayError('operation_failed', `systemctl ${verb} ${unit} failed: ${stderr.trim()}`, {
        hint: `journalctl -u ${unit} -n 50 tells more`,
      })
    },
  }
}

/** The environment that a running process was started with. Only root and its own user may read it. */
export function environmentOf(pid: number): Readonly<Record<string, string>> | undefined {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    const pairs = entries.filter((entry) => entry.includes('=')).map((entry) => entry.split(/=(.*)/s, 2))
    return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]))
  } catch {
    return undefined
  }
}

async function show(names: readonly string[], systemd: Systemd): Promise<ReadonlyMap<string, string> | undefined> {
  const { code, stdout } = await systemctl(['show', unit, `--property=${names.join(',')}`], systemd)
  if (code !== 0) return undefined
  const pairs = stdout.split('\n').map((line) => line.split(/=(.*)/s, 2))
  return new Map(pairs.map(([name = '', value = '']) => [name, value]))
}

const systemctl = (args: readonly string[], { env, clock }: Systemd) =>
  runProgram({ argv: ['systemctl', ...args], env, withinMs, clock })

function resolved(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

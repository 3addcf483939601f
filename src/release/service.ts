import { realpathSync } from 'node:fs'
import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { runProgram } from './run-program.ts'
import { type Environment, environmentOf, environmentOfUnit } from './service-environment.ts'

/** The systemd service that runs an executable. */
export interface Service {
  readonly unit: string
  look(): Promise<ServiceState>
  /** What it runs with, or would. */
  environment(): Promise<Environment>
  /** @throws GatewayError operation_failed */
  tell(verb: 'restart' | 'stop' | 'start' | 'reset-failed'): Promise<void>
}

export interface ServiceState {
  readonly active: boolean
  /** It does not run, and systemd will not start it again by itself. */
  readonly ended: boolean
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
  const [, path] = /path=(\S+) ;/.exec(properties?.['ExecStart']?.[0] ?? '') ?? []
  if (properties?.['LoadState']?.[0] !== 'loaded' || path === undefined || resolved(path) !== executable)
    return undefined
  return {
    unit,
    async look() {
      const found = await show(['ActiveState', 'MainPID'], systemd)
      const pid = Number(found?.['MainPID']?.[0] ?? 0)
      const state = found?.['ActiveState']?.[0]
      const ended = state === 'failed' || state === 'inactive'
      return { active: state === 'active', ended, pid: pid > 0 ? pid : undefined }
    },
    async environment() {
      const found = await show(['MainPID', 'Environment', 'EnvironmentFiles'], systemd)
      const { Environment: [own = ''] = [], EnvironmentFiles: files = [], MainPID: [pid = '0'] = [] } = found ?? {}
      return environmentOf(Number(pid)) ?? environmentOfUnit(own, files)
    },
    async tell(verb) {
      const { code, stderr } = await systemctl([verb, unit], systemd)
      // A unit that is stopped and that nothing wants is unloaded: it has no failures to reset, and that is an error.
      if (code === 0 || verb === 'reset-failed') return
      throw new GatewayError('operation_failed', `systemctl ${verb} ${unit} failed: ${stderr.trim()}`, {
        hint: `journalctl -u ${unit} -n 50 tells more`,
      })
    },
  }
}

/** A property may have several lines. */
type Properties = Readonly<Record<string, readonly string[] | undefined>>

async function show(names: readonly string[], systemd: Systemd): Promise<Properties | undefined> {
  const { code, stdout } = await systemctl(['show', unit, `--property=${names.join(',')}`], systemd)
  if (code !== 0) return undefined
  const lines = stdout.split('\n').map((line) => line.split(/=(.*)/s, 2))
  return Object.fromEntries(
    names.map((name) => [name, lines.filter(([of]) => of === name).map(([, value = '']) => value)]),
  )
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

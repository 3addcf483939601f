import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { type Ended, runProgram } from './run-program.ts'

/** How an executable is tried before it takes the place of another. */
export interface Trial {
  readonly clock: Clock
  /** The environment of the service, so that its configuration is the one that is read. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** undefined: there is none to check. */
  readonly config: string | undefined
  readonly withinMs: number
}

/** The executable says that it is this version. @throws GatewayError operation_failed */
export async function tryVersion(executable: string, version: string, trial: Trial): Promise<void> {
  const ended = await run([executable, 'version'], trial)
  const said = ended.stdout.trim()
  if (ended.code === 0 && said === `tailops ${version}`) return
  throw failed(
    `\`tailops version\` of the new executable ${howItEnded(ended, trial)}, not with "tailops ${version}"`,
    ended,
  )
}

/** The executable accepts the configuration that is in use. @throws GatewayError operation_failed */
export async function tryConfig(executable: string, trial: Trial): Promise<void> {
  if (trial.config === undefined) return
  const ended = await run([executable, 'validate-config', trial.config], trial)
  if (ended.code === 0) return
  throw failed(`\`tailops validate-config ${trial.config}\` of the new executable ${howItEnded(ended, trial)}`, ended)
}

/** What the executable says its version is. @throws GatewayError operation_failed when it does not run */
export async function versionOf(executable: string, trial: Trial): Promise<string> {
  const ended = await run([executable, 'version'], trial)
  const [, version] = /^tailops (\S+)$/.exec(ended.stdout.trim()) ?? []
  if (ended.code === 0 && version !== undefined) return version
  throw failed(`${executable} does not tell its version, it ${howItEnded(ended, trial)}`, ended)
}

const run = (argv: readonly [string, ...string[]], { clock, env, withinMs }: Trial): Promise<Ended> =>
  runProgram({ argv, env: withoutRuntime(env), withinMs, clock })

/** BUN_BE_BUN or BUN_OPTIONS would make another program of it. */
const withoutRuntime = (env: Trial['env']): Trial['env'] =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(BUN_|NODE_|LD_)/.test(name)))

function howItEnded({ code, timedOut }: Ended, { withinMs }: Trial): string {
  if (timedOut) return `did not end within ${withinMs / 1000} s`
  return code === undefined ? 'was killed or could not be started' : `ended with exit code ${code}`
}

function failed(what: string, { stdout, stderr }: Ended): GatewayError {
  const said = `${stderr}\n${stdout}`.trim().split('\n').slice(0, 5).join('; ').slice(0, 600)
  return new GatewayError('operation_failed', said === '' ? what : `${what}: ${said}`, {
    hint: 'nothing was changed; the version that was installed still is',
  })
}

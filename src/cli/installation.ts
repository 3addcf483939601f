import { existsSync } from 'node:fs'
import { defaultConfigPath, readSettings } from '../config/settings.ts'
import { placesOf } from '../release/executable.ts'
import { readyUrl } from '../release/ready.ts'
import { findService, type Service } from '../release/service.ts'
import type { Progress } from '../release/steps.ts'
import type { Installation } from '../release/update.ts'
import { backUpState, isStateNewer, restoreOlderState } from '../state/backup.ts'
import type { World } from './command.ts'

/** How long we wait, in milliseconds. */
export interface Patience {
  /** For the new executable to tell its version, or to check the configuration. */
  readonly trialMs: number
  /** For the service to become ready. */
  readonly readyMs: number
  /** That it must stay ready. */
  readonly settleMs: number
}

/** What is to be updated. */
export interface InstallationOptions {
  readonly executable: string
  readonly patience: Patience
  readonly restart: boolean
  readonly progress: Progress
}

/** The installation around an executable: as its service runs it, or as the person at the terminal would. */
export async function installationAt(options: InstallationOptions, world: World): Promise<Installation> {
  const { clock, env: own, version } = world
  const { patience, progress } = options
  const places = placesOf(options.executable)
  const service = await serviceOf(places.current, options, world)
  const env = (await service?.environment()) ?? own
  const { settings } = readSettings(env)
  const stateDir = settings.stateDir ?? world.stateDir
  return {
    places,
    version,
    trial: { clock, env, config: configOf(env, world), withinMs: patience.trialMs },
    state: {
      backUp: () => backUpState(stateDir),
      isNewer: () => isStateNewer(stateDir),
      restoreOlder: () => restoreOlderState(stateDir),
    },
    service,
    health: {
      url: readyUrl(settings.listen),
      clock,
      withinMs: patience.readyMs,
      settleMs: patience.settleMs,
    },
    progress,
  }
}

/** The service, where there is one and we may restart it. */
async function serviceOf(
  executable: string,
  { restart, progress }: InstallationOptions,
  { env, clock, user }: World,
): Promise<Service | undefined> {
  const service = await findService(executable, { env, clock })
  if (service === undefined || !restart) return undefined
  if (user === 'cli:0') return service
  progress('recover', `${service.unit} is not restarted: only root may`)
  return undefined
}

/** The configuration in use; undefined where there is none yet. */
function configOf(env: World['env'], { user }: World): string | undefined {
  const uid = Number(user.replace(/^cli:/, ''))
  const path = defaultConfigPath(env, { uid, home: env['HOME'] ?? '/', exists: existsSync })
  return existsSync(path) ? path : undefined
}

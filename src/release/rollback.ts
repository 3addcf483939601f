import { GatewayError } from '../core/errors.ts'
import { clearPending, hasPrevious, readPending, switchToPrevious } from './executable.ts'
import { waitUntilHealthy } from './health.ts'
import { versionOf } from './trial.ts'
import { goBack, type Installation, type UpdateEnd, UpdateRefused } from './update.ts'

/** How going back by request ended. */
export type RollbackEnd = {
  readonly end: 'rolled_back'
  readonly from: string
  readonly to: string
  readonly health: 'ready' | 'not_measured'
  /** Databases whose older copies were put back; what was written since then is in `NAME.newer`. */
  readonly restored: readonly string[]
}

/** Goes back to the previous version. @throws UpdateRefused when nothing was changed; GatewayError when it is not healthy either */
export async function rollBack(installation: Installation): Promise<RollbackEnd> {
  const { places, version: from, trial, state, service, health, progress } = installation
  const to = await previousVersion(installation, trial)
  const running = service !== undefined && (await service.look()).active
  progress('back', `going back to ${to}`)
  // Only an older state needs the service to be down first; else it answers until it is restarted.
  if (running && state.isNewer()) await service.tell('stop')
  const restored = state.restoreOlder()
  switchToPrevious(places)
  clearPending(places)
  if (running) {
    progress('restart', `restarting ${service.unit}`)
    await service.tell('restart')
    progress('health', `waiting until ${health.url} is ready`)
    await waitUntilHealthy(service, health)
  }
  return { end: 'rolled_back', from, to, health: running ? 'ready' : 'not_measured', restored }
}

/**
 * Ends what an update that was cut off has begun: after its switch the new version is kept when it is healthy, else it goes
 * back. undefined: there was nothing to end.
 */
export async function recover(installation: Installation): Promise<UpdateEnd | undefined> {
  const { places, service, health, progress, version } = installation
  const pending = readPending(places)
  if (pending === undefined) return undefined
  progress('recover', `the update from ${pending.from} to ${pending.to} was cut off`)
  const { from, to } = pending
  if (version !== to || !hasPrevious(places)) {
    clearPending(places)
    return undefined
  }
  try {
    if (service !== undefined) {
      await service.tell('restart')
      await waitUntilHealthy(service, health)
    }
    clearPending(places)
    return { end: 'updated', from, to, health: service === undefined ? 'not_measured' : 'ready', backedUp: [] }
  } catch (error) {
    return await goBack(installation, { from, to, why: GatewayError.from(error) })
  }
}

async function previousVersion({ places }: Installation, trial: Installation['trial']): Promise<string> {
  if (!hasPrevious(places)) {
    throw new UpdateRefused(
      'version',
      new GatewayError('not_found', `there is no other version in ${places.previous} to go back to`, {
        hint: 'tailops update --version VERSION --allow-downgrade installs an older one',
      }),
    )
  }
  try {
    return await versionOf(places.previous, trial)
  } catch (error) {
    throw new UpdateRefused('trial', GatewayError.from(error))
  }
}

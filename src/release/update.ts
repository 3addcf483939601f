import { GatewayError } from '../core/errors.ts'
import {
  clearPending,
  discardNext,
  keepCurrent,
  markPending,
  type Places,
  switchToNext,
  switchToPrevious,
  writeNext,
} from './executable.ts'
import { type Health, waitUntilHealthy } from './health.ts'
import type { Service } from './service.ts'
import type { ReleaseSource } from './source.ts'
import type { Progress, UpdateStep } from './steps.ts'
import { type Trial, tryConfig, tryVersion } from './trial.ts'
import { fetchFile, findRelease, type Question } from './trusted-release.ts'

/** The installation that is updated. */
export interface Installation {
  readonly places: Places
  readonly version: string
  readonly trial: Trial
  /** What must survive that the newer version may change. */
  readonly state: {
    /** Returns the names of what was copied. */
    backUp(): readonly string[]
    isNewer(): boolean
    /** Returns the names of what was put back. */
    restoreOlder(): readonly string[]
  }
  /** undefined: nothing that we may restart. */
  readonly service: Service | undefined
  readonly health: Health
  /** Told at the beginning of each step. */
  readonly progress: Progress
}

/** What was asked for. */
export interface UpdateRequest {
  readonly source: ReleaseSource
  readonly question: Question
  /** check: only whether there is one; dry_run: everything up to the trial of the new executable; update: all. */
  readonly until: 'check' | 'dry_run' | 'update'
}

/** How it ended. `restored`: the new version failed, and the old one runs again; `broken`: it does not. */
export type UpdateEnd =
  | { readonly end: 'current' | 'available' | 'tried'; readonly from: string; readonly to: string }
  | {
      readonly end: 'updated'
      readonly from: string
      readonly to: string
      /** not_measured: no service of ours was running. */
      readonly health: 'ready' | 'not_measured'
      readonly backedUp: readonly string[]
    }
  | {
      readonly end: 'restored' | 'broken'
      readonly from: string
      readonly to: string
      readonly why: GatewayError
      readonly restored: readonly string[]
    }

/** Why nothing was changed, and at which step. */
export class UpdateRefused extends GatewayError {
  readonly step: UpdateStep

  constructor(step: UpdateStep, error: GatewayError) {
    super(error.code, error.message, { hint: error.hint, cause: error.cause })
    this.step = step
  }
}

/**
 * Updates the executable in place. Up to the switch every failure leaves all as it was; from there on it ends with the new
 * version found healthy, or with the old one in its place again. Callers hold the lock.
 * @throws UpdateRefused when nothing was changed
 */
export async function update(installation: Installation, request: UpdateRequest): Promise<UpdateEnd> {
  const { places, version: from } = installation
  let step: UpdateStep = 'manifest'
  const progress: Progress = (at, what) => {
    step = at
    installation.progress(at, what)
  }
  try {
    const release = await findRelease(request.source, request.question, progress)
    const to = release.manifest.version
    if (release.is === 'same') return { end: 'current', from, to }
    if (request.until === 'check') return { end: 'available', from, to }
    const packed = await fetchFile(request.source, release, progress)
    progress('unpack', `unpacking to ${places.next}`)
    await writeNext(places, packed, release.file)
    progress('trial', 'trying the new executable on the configuration in use')
    await tryVersion(places.next, to, installation.trial)
    await tryConfig(places.next, installation.trial)
    if (request.until === 'dry_run') return { end: 'tried', from, to }
    progress('backup', 'copying the state')
    const backedUp = installation.state.backUp()
    progress('keep', `keeping ${from} as ${places.previous}`)
    keepCurrent(places)
    markPending(places, from, to)
    progress('switch', `putting ${to} in its place`)
    switchToNext(places)
    return await settle({ ...installation, progress }, { from, to, backedUp })
  } catch (error) {
    throw new UpdateRefused(step, GatewayError.from(error))
  } finally {
    discardNext(places)
  }
}

/** The switch that was made. */
export interface Switched {
  readonly from: string
  readonly to: string
  readonly backedUp: readonly string[]
}

/** After the switch: restarts, waits for health, and goes back when it does not come. */
export async function settle(installation: Installation, { from, to, backedUp }: Switched): Promise<UpdateEnd> {
  const { service, progress, places, health } = installation
  try {
    const running = service !== undefined && (await service.look()).active
    if (running) {
      progress('restart', `restarting ${service.unit}`)
      await service.tell('restart')
      progress('health', `waiting until ${health.url} is ready`)
      await waitUntilHealthy(service, health)
    }
    clearPending(places)
    progress('done', `${to} runs`)
    return { end: 'updated', from, to, health: running ? 'ready' : 'not_measured', backedUp }
  } catch (error) {
    return await goBack(installation, { from, to, why: GatewayError.from(error) })
  }
}

/** Why the new version cannot stay. */
export interface Retreat {
  readonly from: string
  readonly to: string
  readonly why: GatewayError
}

/** Puts the previous executable and, where the newer one has changed its schema, the older state in their places. */
export async function goBack(installation: Installation, { from, to, why }: Retreat): Promise<UpdateEnd> {
  const { service, progress, places, state, health } = installation
  progress('back', `going back to ${from}: ${why.message}`)
  let restored: readonly string[] = []
  try {
    await service?.tell('stop')
    restored = state.restoreOlder()
    switchToPrevious(places)
    // A version that died again and again has used up the starts that systemd allows.
    await service?.tell('reset-failed')
    await service?.tell('start')
    if (service !== undefined) await waitUntilHealthy(service, health)
    clearPending(places)
    return { end: 'restored', from, to, why, restored }
  } catch (error) {
    const { message } = GatewayError.from(error)
    const both = new GatewayError('operation_failed', `${why.message}; and going back to ${from} failed: ${message}`, {
      hint: `put ${places.previous} in the place of ${places.current}, then systemctl restart tailops`,
      cause: error,
    })
    return { end: 'broken', from, to, why: both, restored }
  }
}

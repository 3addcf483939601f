import type { OwnChange } from '../core/fleet.ts'
import type { TargetPlan } from '../core/plan.ts'
import { within } from '../lib/clock.ts'
import type { Performance } from './performance.ts'
import type { ChangeResult } from './result.ts'

/** An answer waits so long for the look that follows it: whoever asks next sees what was changed. */
const lookWithinMs = 4000

/** Tells who looks at the fleet what was changed, so that it neither waits nor believes what is old. */
export async function tellFleet(
  { gateway, request, record }: Performance,
  { targets }: ChangeResult,
  plans: readonly TargetPlan[],
): Promise<void> {
  if (gateway.changed === undefined) return
  const cause = `${request.tool.name} by ${request.caller.id}, call ${record.call}`
  const begun = targets.filter(({ steps }) => steps.some(({ state }) => state !== 'not_begun' && state !== 'cancelled'))
  const changed = plans.filter(({ target }) => begun.some((change) => change.target === target))
  const changes = changed.flatMap((plan) => ownChanges(plan, cause))
  if (changes.length === 0) return
  const looked = gateway.changed(changes).catch((error: unknown) => {
    gateway.log.error('the fleet could not be looked at after a change', { call: record.call, cause: error })
  })
  await within({ clock: gateway.clock, ms: lookWithinMs, signal: request.signal }, looked)
}

/** The guest of a cluster, the container of an engine, or the machine itself; where a guest was rolled back, that guest too. */
function ownChanges({ target, plan: { basis, restorePoint } }: TargetPlan, cause: string): readonly OwnChange[] {
  const { vmid, container, name } = basis
  const source = typeof vmid === 'number' ? target.replace(/\/\d+$/, '') : target
  const guest = typeof vmid === 'number' ? [`pve:${source}/${vmid}`] : []
  const inside = [container, name].flatMap((one) => (typeof one === 'string' ? [`container:${target}/${one}`] : []))
  const own = { source, ids: [...guest, ...inside, `host:${target}`], cause }
  if (restorePoint === undefined || restorePoint.cluster === source) return [own]
  const { cluster, vmid: restored } = restorePoint
  return [own, { source: cluster, ids: [`pve:${cluster}/${restored}`], cause }]
}

import type { OwnChange } from '../core/fleet.ts'
import type { TargetPlan } from '../core/plan.ts'
import { within } from '../lib/clock.ts'
import type { Performance } from './performance.ts'

/** An answer waits so long for the look that follows it: whoever asks next sees what was changed. */
const lookWithinMs = 4000

/**
 * Tells who looks at the fleet what is changed, so that it neither waits nor believes what is old, and knows the cause.
 * Returns what tells of the end, and waits a while for the look.
 */
export function tellFleet({ gateway, request, record, plans, journalled }: Performance): () => Promise<void> {
  if (!journalled || gateway.changing === undefined) return async () => undefined
  const cause = `${request.tool.name} by ${request.caller.id}, call ${record.call}`
  const ended = gateway.changing(plans.flatMap((plan) => ownChanges(plan, cause)))
  return async () => {
    const looked = ended().catch((error: unknown) => {
      gateway.log.error('the fleet could not be looked at after a change', { call: record.call, cause: error })
    })
    await within({ clock: gateway.clock, ms: lookWithinMs, signal: request.signal }, looked)
  }
}

/** The guest of a cluster, the container of an engine, or the machine itself; where a guest can be rolled back, that guest too. */
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

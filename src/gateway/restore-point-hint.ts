import type { TargetPlan } from '../core/plan.ts'
import type { TargetChange } from './result.ts'

/** What became of the snapshots that were made first, and what to do with them; undefined where there are none. */
export function restorePointHint(
  plans: readonly TargetPlan[],
  changes: readonly Pick<TargetChange, 'target' | 'status' | 'steps'>[],
): string | undefined {
  const said = plans.flatMap(({ target, plan: { restorePoint: point } }) => {
    const change = changes.find((candidate) => candidate.target === target)
    const state = change?.steps[0]?.state
    if (point === undefined || change === undefined || state === undefined) return []
    const { title, snapshot } = point
    if (state === 'undone') return [`${title} was rolled back to ${snapshot}, which is kept`]
    if (state === 'undo_failed' || (state === 'unknown' && change.steps.some((step) => step.state === 'failed')))
      return [`${title} may not be as it was: look at it, and roll back to ${snapshot} with proxmox_snapshot`]
    if (state !== 'done') return []
    if (change.status === 'done') return [`${snapshot} of ${title} is kept until proxmox_snapshot deletes it`]
    return [`${snapshot} of ${title} is there: proxmox_snapshot goes back to it`]
  })
  return said.length === 0 ? undefined : said.join('; ')
}

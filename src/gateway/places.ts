import type { Target } from '../core/target.ts'
import type { Gateway } from './gateway.ts'
import type { Granted } from './request.ts'

/** Where a plan is performed: a target, or one guest of it. */
export interface Place {
  /** What plan, journal and audit call it: the target's id, for one guest of many `home/101`. */
  readonly id: string
  readonly target: Target
}

/** The place of a part of a call. */
export const placeOf = ({ target, guest }: Pick<Granted, 'target' | 'guest'>): Place => ({
  id: guest === undefined ? target.id : `${target.id}/${guest}`,
  target,
})

/** The place that a journal names; undefined when its target is no longer configured. */
export function placeNamed({ targets }: Pick<Gateway, 'targets'>, id: string): Place | undefined {
  const target = targets.all.find((candidate) => candidate.id === id)
  if (target !== undefined) return { id, target }
  const [, of] = /^(.+)\/\d+$/.exec(id) ?? []
  const cluster = targets.all.find((candidate) => candidate.id === of && candidate.kind === 'proxmox')
  return cluster && { id, target: cluster }
}

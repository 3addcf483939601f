import type { Policy } from '../core/policy.ts'
import { missingRight, type Right } from '../core/policy-rights.ts'
import type { Caller, Target } from '../core/target.ts'
import { capabilityOn, type Tool, worksOn } from '../core/tool.ts'
import { digestOf } from '../lib/digest.ts'
import type { Gateway } from './gateway.ts'

/** The tools that have a target of their kind which grants what this caller holds there, sorted by name. */
export function visibleTools({ tools, targets, policy }: Gateway, caller: Caller): readonly Tool[] {
  const usable = (tool: Tool) =>
    targets.all.some((target) => {
      if (!worksOn(tool, target.kind)) return false
      const capability = capabilityOn(tool, target.kind)
      return capability === undefined || isUsable(policy, caller, { capability, target })
    })
  return tools.filter(usable).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Ids of the targets on which this caller may do anything at all, sorted. */
export const knownTargets = ({ targets, policy }: Gateway, caller: Caller): readonly string[] =>
  targets.all
    .filter((target) => target.capabilities.some((capability) => isUsable(policy, caller, { capability, target })))
    .map(({ id }) => id)
    .toSorted()

const isUsable = (policy: Policy, caller: Caller, right: Right): boolean =>
  right.target.capabilities.includes(right.capability) && missingRight(policy, caller, right) === undefined

const known = new WeakMap<readonly Target[], string>()

/** What there is to be granted at all: changes whenever the tools that somebody sees may change. */
export function grantsOf({ targets: { all } }: Pick<Gateway, 'targets'>): string {
  const found = known.get(all) ?? digestOf([...new Set(all.map(grantOf))].toSorted())
  known.set(all, found)
  return found
}

const grantOf = ({ kind, capabilities }: Target): string => `${kind} ${capabilities.join(' ')}`

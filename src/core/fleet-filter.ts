import type { Resource, ResourceKind } from './fleet.ts'

/** What a caller wants to see of the fleet; what is left out does not narrow. */
export interface FleetFilter {
  readonly cluster?: string | undefined
  readonly node?: string | undefined
  readonly kind?: ResourceKind | undefined
  readonly status?: string | undefined
  readonly tag?: string | undefined
  /** Part of an id, name, address, pool or tag; case does not count. */
  readonly text?: string | undefined
}

/** The resources that fit all of it. Pure. */
export const fitting = (resources: readonly Resource[], filter: FleetFilter): readonly Resource[] =>
  resources.filter((resource) => fits(resource, filter))

/** Whether anything is asked for that is not simply everything. */
export const narrows = (filter: FleetFilter): boolean => Object.values(filter).some((wanted) => wanted !== undefined)

function fits({ id, kind, source, facts }: Resource, filter: FleetFilter): boolean {
  const { cluster, node, status, tag, text } = filter
  if (cluster !== undefined && source !== cluster) return false
  if (filter.kind !== undefined && kind !== filter.kind) return false
  if (node !== undefined && facts[kind === 'node' ? 'name' : 'node'] !== node) return false
  if (status !== undefined && facts['status'] !== status) return false
  const tags = listOf(facts['tags'])
  if (tag !== undefined && !tags.includes(tag)) return false
  if (text === undefined) return true
  const words = [id, facts['name'], facts['ip'], facts['pool'], facts['image'], ...tags, ...listOf(facts['addresses'])]
  return words.some((word) => typeof word === 'string' && word.toLowerCase().includes(text.toLowerCase()))
}

const listOf = (fact: unknown): readonly unknown[] => (Array.isArray(fact) ? fact : [])

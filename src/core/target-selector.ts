import { matchesGlob } from '../lib/glob.ts'
import type { Target } from './target.ts'

/** What a selector of several targets asks of one: `all`, `tag:web`, `kind:ssh`, `cluster:home`, `segment:a`, globs (`web-*`); undefined for a plain id. */
export function groupOf(selector: string): ((target: Target) => boolean) | undefined {
  if (selector === 'all') return () => true
  const [, key, value] = /^(tag|kind|cluster|segment):(.+)$/s.exec(selector) ?? []
  if (value !== undefined) {
    return (target) => (key === 'tag' ? target.tags.includes(value) : Reflect.get(target, key ?? '') === value)
  }
  if (!selector.includes('*') || selector.length > 100) return undefined
  return ({ id }) => matchesGlob(id, selector)
}

/** Whether a list of selectors names a target; ids name by themselves. */
export function targetSelector(selectors: readonly string[]): (target: Target) => boolean {
  const ids = new Set(selectors.filter((selector) => groupOf(selector) === undefined))
  const groups = selectors.flatMap((selector) => groupOf(selector) ?? [])
  return (target) => ids.has(target.id) || groups.some((fits) => fits(target))
}

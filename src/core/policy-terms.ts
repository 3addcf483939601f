import { matchesGlob } from '../lib/glob.ts'
import { canonicalJson } from '../lib/json.ts'
import type { ApprovalTerms, Decision } from './policy-model.ts'

/** The terms of every part of a call, each once, in one order: the same call has the same terms. */
export function termsOf(decisions: readonly Decision[]): readonly ApprovalTerms[] {
  const all = decisions.flatMap(({ terms = [] }) => terms)
  const byText = new Map(all.map((terms) => [canonicalJson(terms), terms]))
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, terms]) => terms)
}

/** Whether two calls ask the same of an approval. */
export const sameTerms = (one: readonly ApprovalTerms[] = [], other: readonly ApprovalTerms[] = []): boolean =>
  canonicalJson(one) === canonicalJson(other)

/** Whether a person meets all terms. */
export const mayApprove = (terms: readonly ApprovalTerms[], who: string): boolean =>
  terms.every(({ by }) => by?.some((pattern) => matchesGlob(who, pattern)) ?? true)

/** How long an approval can be used once it is given: the shortest of all. */
export const usableMs = (terms: readonly ApprovalTerms[], most: number): number =>
  Math.min(most, ...terms.map(({ forMs = most }) => forMs))

/** Who may approve, in words; undefined where the terms name nobody. */
export function approvers(terms: readonly ApprovalTerms[]): string | undefined {
  const lists = terms.flatMap(({ by }) => (by === undefined ? [] : [by.join(' or ')]))
  return lists.length === 0 ? undefined : lists.join(', who is also ')
}

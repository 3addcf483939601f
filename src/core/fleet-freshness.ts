import type { SourceState } from './fleet.ts'
import { count, since } from './triage-words.ts'

/** How old and how complete the knowledge of a source is: `12s ago, complete`. */
export function freshness(state: SourceState, now: Date): string {
  const { seenAt, error, gaps, complete, health } = state
  const failure = error === undefined ? '' : clip(error)
  if (seenAt === undefined) return `never seen, tried ${since(state.triedAt, now)} ago${failure && `: ${failure}`}`
  const age = since(seenAt, now)
  if (health === 'unreachable') return `OLD: ${age} ago, does not answer: ${failure}`
  if (failure !== '') return `OLD: ${age} ago, the last look failed: ${failure}`
  if (gaps.length > 0) return `${age} ago, ${count(gaps.length, 'gap')}`
  return complete ? `${age} ago, complete` : `${age} ago, incomplete`
}

/** One line for all sources; those that are well are told together: `home office: 12s ago, complete`. */
export function freshnessOfAll(states: readonly SourceState[], now: Date): string {
  const groups = Map.groupBy(states, (state) => freshness(state, now))
  return [...groups].map(([said, same]) => `${same.map(({ source }) => source).join(' ')}: ${said}`).join('; ')
}

const clip = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

import { matchesGlob } from '../lib/glob.ts'
import type { Caller } from './target.ts'

/** Names callers: who is on any of the lists. Names may hold stars. */
export interface Who {
  /** Capabilities that the caller's proof holds. */
  readonly scopes?: readonly string[] | undefined
  readonly groups?: readonly string[] | undefined
  readonly logins?: readonly string[] | undefined
  /** Of machines of the tailnet: `tag:ci`. */
  readonly tags?: readonly string[] | undefined
  /** `token:<id>`, `stdio:<uid>`, `cli:<uid>`. */
  readonly callers?: readonly string[] | undefined
}

/** Whether a caller is named. What nothing vouches for names nobody. */
export function isNamed({ scopes, groups, logins, tags, callers }: Who, { id, scopes: held, proof }: Caller): boolean {
  return (
    names(callers, [id]) ||
    names(scopes, held) ||
    (proof !== undefined &&
      (names(logins, proof.login === undefined ? [] : [proof.login]) ||
        names(groups, proof.groups) ||
        names(tags, proof.tags)))
  )
}

const names = (patterns: readonly string[] | undefined, words: readonly string[]): boolean =>
  patterns?.some((pattern) =>
    words.some((word) => word === pattern || (pattern.includes('*') && matchesGlob(word, pattern))),
  ) ?? false

import { matchesGlob } from '../lib/glob.ts'
import { type Capability, expandCapabilities } from './capability.ts'
import type { Caller } from './target.ts'

/** Names callers: who is on any of the lists. Names may hold stars. */
export interface Who {
  /** Words for capabilities that the caller's proof holds: of `readonly` and `admin`, all. */
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
    (scopes?.some((word) => holdsAll(held, word)) ?? false) ||
    (proof !== undefined &&
      (names(logins, proof.login === undefined ? [] : [proof.login]) ||
        names(groups, proof.groups) ||
        names(tags, proof.tags)))
  )
}

function holdsAll(held: readonly Capability[], word: string): boolean {
  const meant = expandCapabilities([word])
  return meant.length > 0 && meant.every((capability) => held.includes(capability))
}

const names = (patterns: readonly string[] | undefined, words: readonly string[]): boolean =>
  patterns?.some((pattern) =>
    words.some((word) => word === pattern || (pattern.includes('*') && matchesGlob(word, pattern))),
  ) ?? false

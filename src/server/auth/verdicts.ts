import { GatewayError } from '../../core/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { sha256 } from '../../lib/digest.ts'

/** What a token, or an address, proves until when. */
export interface Good<T> {
  readonly good: T
  readonly expiresAtMs: number
}

export type Verdict<T> = Good<T> | { readonly refused: string }

/** Remembers for a short while what tokens were found to be, by their hash. */
export interface Verdicts<T> {
  /** @throws what finding out throws, which is not remembered; GatewayError busy */
  of(token: string): Promise<Verdict<T>>
  /** Whether a verdict still holds: until it expires, or is found to be another. Where nobody answers, it holds on. */
  watch(token: string, verdict: Good<T>): () => boolean
}

interface Remembered<T> {
  readonly verdict: Verdict<T>
  readonly untilMs: number
}

/** So long may a token that its issuer has revoked still work. */
const goodForMs = 30_000
const refusedForMs = 10_000
/** Tokens that are refused are many where somebody guesses: they do not push out those that are good. */
const most = { good: 4096, refused: 1024, asking: 64 }

/** @param findOut asked once for one token, however many requests bring it at the same time */
export function openVerdicts<T>(clock: Clock, findOut: (token: string) => Promise<Verdict<T>>): Verdicts<T> {
  const goods = new Map<string, Remembered<T>>()
  const refusals = new Map<string, Remembered<T>>()
  const asking = new Map<string, Promise<Verdict<T>>>()

  const remember = (key: string, verdict: Verdict<T>): Verdict<T> => {
    const nowMs = clock.now().getTime()
    const isGood = 'good' in verdict
    const untilMs = isGood ? Math.min(nowMs + goodForMs, verdict.expiresAtMs) : nowMs + refusedForMs
    const map = isGood ? goods : refusals
    makeRoom(map, isGood ? most.good : most.refused)
    map.set(key, { verdict, untilMs })
    return verdict
  }
  const ask = (token: string, key: string): Promise<Verdict<T>> => {
    if (asking.size >= most.asking) {
      const hint = 'try again in a second'
      throw new GatewayError('busy', 'too many tokens wait for the identity provider', { hint })
    }
    const asked = findOut(token)
      .then((verdict) => remember(key, verdict))
      .finally(() => asking.delete(key))
    asking.set(key, asked)
    return asked
  }
  const of = async (token: string): Promise<Verdict<T>> => {
    const key = sha256(token)
    const known = goods.get(key) ?? refusals.get(key)
    if (known !== undefined && clock.now().getTime() < known.untilMs) return known.verdict
    goods.delete(key)
    refusals.delete(key)
    return asking.get(key) ?? ask(token, key)
  }
  return {
    of,
    watch(token, { expiresAtMs }) {
      let isRefused = false
      const look = (verdict: Verdict<T>): void => {
        isRefused ||= 'refused' in verdict
      }
      return () => {
        const holds = !isRefused && clock.now().getTime() < expiresAtMs
        if (holds) of(token).then(look, () => undefined)
        return holds
      }
    },
  }
}

/** The oldest goes. */
function makeRoom(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.keys()
  if (map.size >= most && oldest !== undefined) map.delete(oldest)
}

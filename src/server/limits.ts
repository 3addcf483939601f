import { isIP } from 'node:net'
import type { Risk, Tool } from '../core/tool.ts'
import { sha256 } from '../lib/digest.ts'
import { openTokenBuckets } from '../lib/token-buckets.ts'
import { isLoopback } from './guard.ts'
import { rpcError } from './json-rpc.ts'

/** How many calls a minute one caller may make, by their risk. 0: as many as it likes. */
export type Rates = Readonly<Record<Risk, number>>

/** What is limited, and what it is limited by. */
export interface Limited {
  readonly what: 'calls' | 'concurrency' | 'logins' | 'requests'
  /** Id of a caller, or an address. */
  readonly who: string
}

/** Answers 429 to what comes too often. */
export interface Limits {
  /**
   * Before a token is looked at: 429 when asking about it costs and its address had too many wrong ones. Not for a token
   * that was good lately.
   */
  enter(request: Request, peer: string | undefined): Response | undefined
  /** Its token was valid. */
  admitted(request: Request, peer: string | undefined): void
  /**
   * A request without a valid token has been refused: with 429 instead, when its address had too many. A valid token is
   * always let in, so that nobody pays for what others do behind the same address.
   */
  refused(answer: Response, request: Request, peer: string | undefined): Response
  /** Too many calls of this caller in a minute, of this message's risk. */
  called(caller: string, message: unknown): Response | undefined
}

export interface LimitsParts {
  readonly rates: Rates
  /** Whether a token is checked by asking somebody else. Otherwise a valid one is let in whatever its address did. */
  readonly asksOthers: boolean
  /** Whether as many calls of this caller run and wait as may. */
  isCrowded(caller: string): boolean
  readonly tools: readonly Pick<Tool, 'name' | 'risk'>[]
  elapsedMs(): number
  /** Every answer 429. */
  onAnswered?(what: Limited['what']): void
  /** Somebody is limited from now on; told once a minute for each. */
  onLimited(limited: Limited): void
}

const minuteMs = 60_000
/** Wrong tokens of one address: ten at once, then one in thirty seconds. */
const logins = { count: 10, perMs: 5 * minuteMs }
/** Requests of one address without any valid token. */
const strangers = { count: 100, perMs: minuteMs }

export function openLimits(parts: LimitsParts): Limits {
  const { rates, tools, elapsedMs, isCrowded, onLimited, onAnswered } = parts
  const failed = openTokenBuckets({ ...logins, elapsedMs })
  const unknown = openTokenBuckets({ ...strangers, elapsedMs })
  const good = openGoodTokens(parts)
  const told = openTokenBuckets({ count: 1, perMs: minuteMs, elapsedMs })
  const calls = (['read', 'probe', 'write', 'destructive'] as const).map((risk) => {
    const count = rates[risk]
    return { risk, buckets: count === 0 ? undefined : openTokenBuckets({ count, perMs: minuteMs, elapsedMs }) }
  })
  const riskOf = new Map(tools.map(({ name, risk }) => [name, risk]))
  const tooMany = (limited: Limited, waitMs: number, sentence: string) => {
    onAnswered?.(limited.what)
    if (told.take(`${limited.what} ${limited.who}`) === 0) onLimited(limited)
    const seconds = Math.ceil(waitMs / 1000)
    return rpcError(429, -32000, `${sentence}; try again in ${seconds} s`, { 'Retry-After': String(seconds) })
  }
  return {
    enter(request, peer) {
      if (!good.isUnknown(request)) return undefined
      const who = addressOf(request, peer)
      const waitMs = failed.take(who)
      return waitMs === 0 ? undefined : tooMany({ what: 'logins', who }, waitMs, 'too many wrong tokens')
    },
    admitted(request, peer) {
      if (good.isUnknown(request)) failed.giveBack(addressOf(request, peer))
      good.add(request)
    },
    refused(answer, request, peer) {
      const who = addressOf(request, peer)
      if (answer.status !== 401) {
        // Nobody can say now whether it is wrong: it is not held against the address.
        if (good.isUnknown(request)) failed.giveBack(who)
        return answer
      }
      const waitMs = unknown.take(who)
      if (waitMs > 0) return tooMany({ what: 'requests', who }, waitMs, 'too many requests without a valid token')
      if (parts.asksOthers || !request.headers.has('authorization')) return answer
      const loginMs = failed.take(who)
      return loginMs === 0 ? answer : tooMany({ what: 'logins', who }, loginMs, 'too many wrong tokens')
    },
    called(caller, message) {
      const risk = riskOfMessage(message, riskOf)
      if (isCall(message) && isCrowded(caller))
        return tooMany({ what: 'concurrency', who: caller }, 1000, 'too many of your calls run and wait')
      const waitMs = calls.find((one) => one.risk === risk)?.buckets?.take(caller) ?? 0
      if (waitMs === 0) return undefined
      return tooMany(
        { what: 'calls', who: caller },
        waitMs,
        `more than ${rates[risk ?? 'read']} ${risk} calls a minute`,
      )
    },
  }
}

const goodForMs = 60 * minuteMs
const mostGood = 10_000

/** Tokens that were good lately, by their hash; kept only where others are asked about tokens. */
function openGoodTokens({ asksOthers, elapsedMs }: LimitsParts) {
  const until = new Map<string, number>()
  const keyOf = ({ headers }: Request): string | undefined => {
    const header = asksOthers ? headers.get('authorization') : null
    return header === null ? undefined : sha256(header)
  }
  return {
    /** Whether it has a token that nothing is known of. */
    isUnknown(request: Request): boolean {
      const key = keyOf(request)
      return key !== undefined && (until.get(key) ?? 0) <= elapsedMs()
    },
    add(request: Request): void {
      const key = keyOf(request)
      if (key === undefined) return
      until.delete(key)
      until.set(key, elapsedMs() + goodForMs)
      const [oldest] = until.keys()
      if (until.size > mostGood && oldest !== undefined) until.delete(oldest)
    },
  }
}

/** What a message may do; of one that is no call, `read`; notifications are not counted. */
function riskOfMessage(message: unknown, risks: ReadonlyMap<string, Risk>): Risk | undefined {
  if (typeof message !== 'object' || message === null || !('id' in message)) return undefined
  const params = isCall(message) && 'params' in message ? message.params : undefined
  const name = typeof params === 'object' && params !== null && 'name' in params ? params.name : undefined
  return (typeof name === 'string' ? risks.get(name) : undefined) ?? 'read'
}

const isCall = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && 'method' in message && message.method === 'tools/call'

/**
 * Where a request comes from. A proxy on this machine says it in the last entry of X-Forwarded-For; others are not
 * believed. Of IPv6 the /64: whoever has one address of it has them all.
 */
export function addressOf({ headers }: Request, peer: string | undefined): string {
  const direct = plain(peer ?? '')
  const forwarded = isLoopback(direct) ? plain(headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() ?? '') : ''
  const address = isIP(forwarded) === 0 ? direct : forwarded
  return isIP(address) === 6 ? networkOf(address) : address
}

/** `::ffff:192.0.2.1` is 192.0.2.1. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')

function networkOf(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::')
  const before = head.split(':').filter((group) => group !== '')
  const after = (tail ?? '').split(':').filter((group) => group !== '')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

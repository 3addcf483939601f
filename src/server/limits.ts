import { isIP } from 'node:net'
import type { Risk, Tool } from '../core/tool.ts'
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
   * A request without a valid token has been refused: with 429 instead, when its address had too many. A valid token is
   * always let in, so that nobody pays for what others do behind the same address.
   */
  refused(answer: Response, request: Request, peer: string | undefined): Response
  /** Too many calls of this caller in a minute, of this message's risk. */
  called(caller: string, message: unknown): Response | undefined
}

export interface LimitsParts {
  readonly rates: Rates
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

export function openLimits({ rates, tools, elapsedMs, isCrowded, onLimited, onAnswered }: LimitsParts): Limits {
  const failed = openTokenBuckets({ ...logins, elapsedMs })
  const unknown = openTokenBuckets({ ...strangers, elapsedMs })
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
    refused(answer, request, peer) {
      if (answer.status !== 401) return answer
      const who = addressOf(request, peer)
      const waitMs = unknown.take(who)
      if (waitMs > 0) return tooMany({ what: 'requests', who }, waitMs, 'too many requests without a valid token')
      if (!request.headers.has('authorization')) return answer
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

import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { expandCapabilities } from '../../core/capability.ts'
import type { Tokens } from '../../core/ports.ts'
import type { Clock } from '../../lib/clock.ts'
import { parseJson } from '../../lib/json.ts'
import type { Logger } from '../../lib/log.ts'
import type { Secret } from '../../lib/secret.ts'

/** What tokens of SystemManager are read with. */
export interface OldTokenParts {
  readonly secret: Secret
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
}

/**
 * Tokens of SystemManager: `base64url(claims).hex`, the second HMAC-SHA256 of the first. They cannot be revoked one by one, so
 * only those that expire within a year are accepted; each agent is reported once.
 */
export function oldTokens({ secret, clock, log }: OldTokenParts): Tokens {
  const reported = new Set<string>()
  return {
    verify(token) {
      const [, payload = '', signature = ''] = /^([\w-]{1,4000}=*)\.([\da-f]{64})$/.exec(token) ?? []
      const expected = createHmac('sha256', secret.reveal()).update(payload).digest()
      if (payload === '' || !timingSafeEqual(expected, Buffer.from(signature, 'hex'))) return undefined
      const { success, data } = claims.safeParse(parseJson(Buffer.from(payload, 'base64url').toString()))
      const leftMs = success ? data.expiry.getTime() - clock.now().getTime() : 0
      if (!success || !(leftMs > 0 && leftMs <= longestMs)) return undefined
      const id = `token:old:${data.agent}`
      if (!reported.has(id))
        log.warn('deprecated token', {
          caller: id,
          hint: 'make a new one with tailops token mint',
          expires: data.expiry,
        })
      reported.add(id)
      const proof = { kind: 'token', groups: [], tags: [] } as const
      return { caller: { id, scopes: expandCapabilities(data.scopes), proof }, expiresAt: data.expiry }
    },
  }
}

const longestMs = 366 * 86_400_000

const claims = z.object({
  agent: z.string().regex(/^[\w.@-]{1,64}$/),
  scopes: z.array(z.string()),
  /** A time without zone is UTC. */
  expiry: z
    .string()
    .regex(/^\d{4}-\d\d-\d\d([T ][\d:.]{5,15})?(Z|[+-]\d\d:?\d\d)?$/)
    .transform(
      (text) => new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text.slice(10)) ? text.replace(' ', 'T') : `${withTime(text)}Z`),
    ),
  // They bound a token to some hosts. We cannot keep that, so such a token is none.
  host_tags: z.array(z.never()).nullish(),
})

const withTime = (text: string): string => (text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'))

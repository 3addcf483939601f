import type { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import { GatewayError } from './errors.ts'
import type { Outcome } from './operation.ts'

/** The output of a script or command that ended well. @throws GatewayError operation_failed with the first line it said on stderr */
export function outputOf(outcome: Outcome, what: string): string {
  if (outcome.ok) return outcome.output
  const said = outcome.errorOutput
    .replace(/[\x00-\x09\x0b-\x1f\x7f]/g, ' ')
    .trim()
    .split('\n')[0]
    ?.slice(0, 300)
  throw new GatewayError('operation_failed', `${what} ended with ${outcome.status}${said ? `: ${said}` : ''}`, {
    hint: 'run it again; if it stays, look at the target itself',
  })
}

/** What a parser made of an output. @throws GatewayError unexpected_reply when it made nothing of it */
export function understood<T>(parsed: T | undefined, what: string): T {
  if (parsed !== undefined) return parsed
  throw new GatewayError('unexpected_reply', `${what} answered something that is not understood`, {
    hint: 'the target may not be a Linux machine with /proc; please report it if it is',
  })
}

/** The JSON of the gateway's own answers, or of an API's. @throws GatewayError unexpected_reply */
export function jsonOf<T extends z.ZodType>(outcome: Outcome, schema: T, what: string): z.output<T> {
  const parsed = schema.safeParse(parseJson(outcome.output))
  if (outcome.ok && parsed.success) return parsed.data
  throw new GatewayError(
    'unexpected_reply',
    `${what} answered ${outcome.status} with something that is not understood`,
    {
      hint: 'please report it, with the version of the target',
      cause: parsed.error,
    },
  )
}

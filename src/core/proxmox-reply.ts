import type { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import { type ErrorCode, GatewayError } from './errors.ts'
import type { Outcome } from './operation.ts'

/**
 * The `data` of a reply of the Proxmox VE API. Its status codes are not REST: nearly every failure is a 500,
 * an unknown guest too, so failures are told apart by their text (Proxmox VE API, observed 9.2).
 * `what` names what was asked for, as in `the status of 101`.
 * @throws GatewayError denied, unreachable, not_found, invalid_input, operation_failed, unexpected_reply
 */
export function proxmoxData<S extends z.ZodType>(outcome: Outcome, schema: S, what: string): z.output<S> {
  if (!outcome.ok) throw proxmoxFailure(outcome, what)
  if (outcome.truncated)
    throw new GatewayError('unexpected_reply', `${what}: the reply is longer than the output limit`, {
      hint: 'ask for less, or raise constraints.max_output_bytes of the cluster',
    })
  const body = parseJson(outcome.output)
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined
  const parsed = schema.safeParse(data)
  if (parsed.success) return parsed.data
  throw new GatewayError('unexpected_reply', `${what}: the Proxmox reply is not understood`, {
    hint: 'please report it, with the version of Proxmox VE',
    cause: parsed.error,
  })
}

/** Why the API did not do it, by its text. The second line of an executor's error output is the remedy for a 403. */
export function proxmoxFailure({ status, errorOutput }: Outcome, what: string): GatewayError {
  const [said = '', remedy] = printable(errorOutput)
  const [code, hint] = meaning(status, said)
  const text = said === '' ? `ended with ${status}` : said
  return new GatewayError(code, `${what}: ${text}`, { hint: status === 403 ? (remedy ?? hint) : hint })
}

const printable = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) =>
      line
        .replace(/[\x00-\x1f\x7f-\x9f]/g, ' ')
        .trim()
        .slice(0, 500),
    )
    .filter((line) => line !== '')

type Meaning = readonly [code: ErrorCode, hint: string]

function meaning(status: number, said: string): Meaning {
  if (status === 403) return ['denied', 'give the token and its user a role that holds this privilege']
  if (status >= 595 && status <= 599)
    return ['unreachable', 'asking another node makes no difference: look at the node itself and its network']
  if (status === 400) return ['invalid_input', 'correct the named parameter']
  if (status === 401) return ['credentials_rejected', 'check token_id and token_secret of the cluster']
  return texts.find(([pattern]) => pattern.test(said))?.[1] ?? ['operation_failed', 'the task log of the node has more']
}

const texts: readonly (readonly [RegExp, Meaning])[] = [
  [
    /no quorum|\/etc\/pve\/.*(Permission denied|Read-only file system)/,
    ['operation_failed', 'too few nodes of the cluster are online to change anything: bring nodes back first'],
  ],
  [
    /got timeout|can't lock file|can't acquire lock/i,
    ['operation_failed', 'another task holds the lock: wait for its end (list the tasks), then try again'],
  ],
  [
    /\bis locked\b|\blocked \(/,
    [
      'operation_failed',
      'wait for the task that holds the lock; a lock left over is taken off by root with qm unlock or pct unlock',
    ],
  ],
  [
    /does not exist|no such (task|snapshot|guest|volume)|hostname lookup '.*' failed|unable to find configuration file/i,
    ['not_found', 'it may have moved to another node or been removed: list the guests or nodes again'],
  ],
  [
    /detected modified configuration/,
    ['operation_failed', 'somebody changed it meanwhile: read it again, then decide again'],
  ],
  [/not implemented/, ['operation_failed', 'this version of Proxmox VE has no such method']],
  [/already running/, ['operation_failed', 'it runs already: nothing was done']],
  [/not running/, ['operation_failed', 'it does not run: start it first']],
  [/can't start a vm if it's a template/, ['operation_failed', 'a template is not started: clone it, start the clone']],
]

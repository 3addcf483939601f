import { GatewayError } from '../core/errors.ts'

/** What every failure of the disk or of SQLite becomes; the cause keeps the details. */
export function stateUnavailable(what: string, cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
  return new GatewayError('state_unavailable', `${what}: ${why}`, {
    hint: 'check that the state directory exists, belongs to this user and has free space',
    cause,
  })
}

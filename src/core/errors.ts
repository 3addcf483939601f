/** Every failure a caller can be shown, by its stable code. Messages may change; codes may not. */
export type ErrorCode =
  | 'invalid_input'
  | 'invalid_config'
  | 'unknown_tool'
  | 'unknown_target'
  | 'unsupported_target'
  | 'not_found'
  | 'denied'
  | 'frozen'
  | 'approval_invalid'
  | 'world_changed'
  | 'unreachable'
  | 'credentials_rejected'
  | 'interrupted'
  | 'timeout'
  | 'cancelled'
  | 'busy'
  | 'operation_failed'
  | 'unexpected_reply'
  | 'state_unavailable'
  | 'internal'

/** The only error class that leaves a module: what happened, in one sentence, and the next step. */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'GatewayError'
    this.code = code
    this.hint = options.hint
  }

  /** Any thrown value as a GatewayError; what we did not foresee becomes `internal`, with its cause kept. */
  static from(error: unknown): GatewayError {
    if (error instanceof GatewayError) return error
    return new GatewayError('internal', 'unexpected failure inside the gateway', {
      hint: 'the log of the gateway has the cause; please report it',
      cause: error,
    })
  }
}

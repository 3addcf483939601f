import { GatewayError } from '../core/errors.ts'

/** What a request to an engine came to when no answer was complete. Only what cannot have been sent says so. */
export function failureOf(place: string, error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  const code = codeOf(error)
  if (code === 'EACCES' || code === 'EPERM') {
    return new GatewayError('credentials_rejected', `${place} may not be opened by the user that TailOps works as`, {
      hint: 'add that user to the group docker (which is as much as root) and start TailOps again',
      cause: error,
    })
  }
  if (code === 'ENOENT') {
    return new GatewayError('unreachable', `there is no ${place}`, {
      hint: 'is Docker installed and running? connection.socket_path in targets.yaml names the socket',
      cause: error,
    })
  }
  if (refused.has(code)) {
    return new GatewayError('unreachable', `${place} gave no connection: ${code}`, {
      hint: 'is the Docker engine running, and does it listen there?',
      cause: error,
    })
  }
  return tlsFailure(place, code, error) ?? interrupted(place, error)
}

const refused = new Set([
  'ECONNREFUSED',
  'ConnectionRefused',
  'FailedToOpenSocket',
  'ENOTSOCK',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
])

/** The handshake failed, or the engine refused our certificate: no request was looked at. */
function tlsFailure(place: string, code: string, cause: unknown): GatewayError | undefined {
  if (/ALERT/.test(code)) {
    return new GatewayError('credentials_rejected', `${place} refused our certificate: ${code}`, {
      hint: 'cert.pem and key.pem in connection.cert_path must be signed by the CA that the engine trusts',
      cause,
    })
  }
  if (!/^(ERR_SSL|ERR_TLS|UNABLE_TO|CERT_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA)/.test(code))
    return undefined
  return new GatewayError('unreachable', `the certificate of ${place} is not trusted: ${code}`, {
    hint: 'ca.pem in connection.cert_path must be the CA of the engine, and the certificate must name this host',
    cause,
  })
}

const interrupted = (place: string, cause: unknown) =>
  new GatewayError('interrupted', `${place} broke off the connection before its answer was complete`, {
    hint: 'it may have done what was asked: look before repeating it',
    cause,
  })

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

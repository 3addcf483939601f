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
    return new GatewayError(
      'credentials_rejected',
      `${place} did not accept our certificate, or asks for one: ${code}`,
      {
        hint: 'connection.cert_path needs a cert.pem that is valid and signed by the CA that the engine trusts, with its key.pem',
        cause,
      },
    )
  }
  if (/^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST))$/.test(code)) {
    return new GatewayError('unreachable', `${place} does not speak TLS`, {
      hint: 'is it the port that the engine serves TLS on? Without tls_verify and cert_path it is asked without TLS',
      cause,
    })
  }
  if (!/^(ERR_SSL|ERR_TLS|UNABLE_TO|CERT_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA)/.test(code))
    return undefined
  const [what, hint] = faults[code] ?? [`is not trusted: ${code}`, untrusted]
  return new GatewayError('unreachable', `the certificate of ${place} ${what}`, { hint, cause })
}

const untrusted = 'ca.pem in connection.cert_path must be the CA that signed the certificate of the engine'
const renamed = [
  'is for another name',
  'connection.host must be a name or address that the certificate lists; or renew it with this one among its subjectAltName',
] as const
const faults: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  CERT_HAS_EXPIRED: ['has expired', 'renew it on the engine; is the clock of the gateway right?'],
  CERT_NOT_YET_VALID: ['is not valid yet', 'is the clock of the gateway right, and that of the engine?'],
  ERR_TLS_CERT_ALTNAME_INVALID: renamed,
  HOSTNAME_MISMATCH: renamed,
}

const interrupted = (place: string, cause: unknown) =>
  new GatewayError('interrupted', `${place} broke off the connection before its answer was complete`, {
    hint: 'it may have done what was asked: look before repeating it',
    cause,
  })

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

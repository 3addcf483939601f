import type { SshConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'

/** Why no connection came about, by what ssh2 and the system say. Nothing was sent. */
export function connectFailure(id: string, connection: SshConnection, error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  const place = `${connection.host}:${connection.port}`
  const text = error instanceof Error ? error.message : String(error)
  const [code, level] = [wordOf(error, 'code'), wordOf(error, 'level')]
  if (level === 'client-authentication') {
    return new GatewayError('credentials_rejected', `${id}: ${place} refused ${connection.username}: ${text}`, {
      hint: 'does the account exist there, is the public key in its authorized_keys, does the server allow this way of logging in?',
      cause: error,
    })
  }
  if (level === 'agent') {
    return new GatewayError('credentials_rejected', `${id}: the ssh agent gave no key: ${text}`, {
      hint: 'is it running, and does SSH_AUTH_SOCK or connection.agent name its socket?',
      cause: error,
    })
  }
  return new GatewayError('unreachable', `${id}: no ssh connection to ${place}: ${code || text}`, {
    hint: hints[code] ?? (level === 'client-timeout' ? slowHint : 'does an ssh server listen there?'),
    cause: error,
  })
}

/** Whether a server closed before it had said who it is: it has too many beginners at once (MaxStartups), or a firewall is there. */
export const closedAtOnce = (error: unknown): boolean =>
  error instanceof GatewayError && error.code === 'unreachable' && wordOf(error.cause, 'code') === 'ECONNRESET'

/** Whether a server opened no session for a command: it has as many as it allows. */
export const noSession = (error: unknown): boolean =>
  error instanceof GatewayError &&
  error.code === 'unreachable' &&
  error.cause instanceof Error &&
  error.cause.message.startsWith('(SSH) Channel open failure')

/** Whether a command's start was not confirmed: whoever only reads may try again. */
export const unconfirmed = (error: unknown): boolean =>
  error instanceof GatewayError &&
  error.cause instanceof Error &&
  /^(Unable to exec|No response from server)$/.test(error.cause.message)

/** What became of a command whose channel could not be opened, or was lost. */
export function execFailure(id: string, error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  const text = error instanceof Error ? error.message : String(error)
  if (text === 'Unable to exec') {
    return new GatewayError('interrupted', `${id}: the ssh server closed the session without a word`, {
      hint: 'it may have done what was asked (Dropbear does so when much is asked at once): look before repeating it',
      cause: error,
    })
  }
  if (/^\(SSH\) Channel open failure|^Not connected/.test(text)) {
    return new GatewayError('unreachable', `${id}: the ssh server opened no session: ${text}`, {
      hint: 'MaxSessions or ForceCommand in its sshd_config may be the reason',
      cause: error,
    })
  }
  return lost(id, error)
}

/** What became of a command when the connection ended before its start was confirmed: it is sent when its channel is open. */
export function lostAtStart(id: string, error: Error): GatewayError {
  if (error.message !== 'No response from server') return lost(id, error)
  return new GatewayError('unreachable', `${id}: the ssh connection was lost before the command was sent`, {
    hint: 'nothing was done',
    cause: error,
  })
}

/** The connection ended while a command ran. */
export const lost = (id: string, cause?: unknown): GatewayError =>
  new GatewayError('interrupted', `${id}: the ssh connection was lost before the command ended`, {
    hint: 'it may have done what was asked: look before repeating it',
    cause,
  })

const slowHint = 'it answers too slowly or not at all; connection.timeout is the limit'

const hints: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'is sshd running, and on this port?',
  ENOTFOUND: 'the name is not known: check connection.host',
  EAI_AGAIN: 'the name could not be looked up: check connection.host and the DNS of the gateway',
  EHOSTUNREACH: 'is the machine on, and is there a route to it?',
  ENETUNREACH: 'there is no route to this network from the gateway',
  ETIMEDOUT: slowHint,
  ECONNRESET: 'the server closed at once: MaxStartups in its sshd_config, or a firewall',
}

function wordOf(error: unknown, field: 'code' | 'level'): string {
  if (!(error instanceof Error)) return ''
  const value: unknown = Object.entries(error).find(([key]) => key === field)?.[1]
  return typeof value === 'string' ? value : ''
}

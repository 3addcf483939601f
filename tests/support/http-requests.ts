import type { HttpConnection, TlsRules } from '../../src/core/connection.ts'
import type { Limits } from '../../src/core/executor.ts'
import type { Operation } from '../../src/core/operation.ts'
import { openHttp } from '../../src/executors/http.ts'
import { systemClock } from '../../src/lib/clock.ts'

/** How a service of a test is reached. */
export const connectionTo = (baseUrl: string, tls: Partial<TlsRules> = {}): HttpConnection => ({
  kind: 'http',
  baseUrl,
  headers: {},
  tls: { verify: true, ...tls },
  endpoints: [],
})

/** Performs one operation on it. */
export const perform = (connection: HttpConnection, operation: Operation, more: Partial<Limits> = {}) =>
  openHttp('service', connection, systemClock).perform(operation, {
    signal: new AbortController().signal,
    timeoutMs: 10_000,
    maxOutputBytes: 64 * 1024,
    ...more,
  })

/** The error of an operation that does not end well. */
export const failure = (connection: HttpConnection, operation: Operation, more: Partial<Limits> = {}) =>
  perform(connection, operation, more).then(
    (outcome) => ({ code: 'none', message: outcome.output, hint: '' }),
    (error: { code: string; message: string; hint: string }) => error,
  )

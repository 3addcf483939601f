import { GatewayError } from '../../core/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { parseJson } from '../../lib/json.ts'
import { readCapped } from '../../lib/read-capped.ts'

/** What is sent beside the URL; a body makes it a POST of a form. */
export interface Asked {
  readonly clock: Clock
  readonly body?: URLSearchParams | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

const withinMs = 5000
const maxBytes = 256 * 1024

/**
 * The JSON that a server of the configuration answers: no redirect is followed, nothing long is read or waited for.
 * @throws GatewayError unreachable, unexpected_reply
 */
export async function fetchJson(url: string, asked: Asked): Promise<unknown> {
  const { status, text, truncated } = await exchange(url, asked)
  if (status !== 200) throw new GatewayError('unexpected_reply', `${url} answered with status ${status}`)
  const json = truncated ? undefined : parseJson(text)
  if (json === undefined) throw new GatewayError('unexpected_reply', `${url} answered no JSON, or too much of it`)
  return json
}

async function exchange(url: string, { clock, body, headers }: Asked) {
  const late = new AbortController()
  const done = new AbortController()
  clock.sleep(withinMs, done.signal).then(
    () => late.abort(),
    () => undefined,
  )
  try {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { Accept: 'application/json', ...headers },
      redirect: 'manual',
      signal: late.signal,
      ...(body !== undefined && { body }),
    })
    const read = await readCapped(response.body ?? [], maxBytes)
    return { status: response.status, ...read }
  } catch (cause) {
    throw new GatewayError('unreachable', `${url} does not answer`, { cause })
  } finally {
    done.abort()
  }
}

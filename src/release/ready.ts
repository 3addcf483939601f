import { get } from 'node:http'
import { readCapped } from '../lib/read-capped.ts'

/** What a service says at /readyz. */
export type Readiness =
  | 'ready'
  /** It answers reads, and refuses changes until `tailops unfreeze`. */
  | 'ready (frozen)'
  | 'not ready'
  /** Something listens there that is no tailops. */
  | 'another program answers'
  /** Nobody listens, or there was no answer in time. */
  | 'no answer'

const answerWithinMs = 2000

/** Whether a service can be called: a frozen one can. */
export const isReady = (answer: Readiness): boolean => answer === 'ready' || answer === 'ready (frozen)'

/** Where a service that listens there is asked; one that listens on every address, on loopback. */
export function readyUrl({ host, port }: { readonly host: string; readonly port: number }): string {
  const asked = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${asked.includes(':') ? `[${asked}]` : asked}:${port}/readyz`
}

/**
 * Asks once. Neither by fetch nor by the global agent, which would send this machine's own address to the proxy of the
 * environment (the agent with NODE_USE_ENV_PROXY).
 */
export function askReady(url: string): Promise<Readiness> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal: AbortSignal.timeout(answerWithinMs) }, (response) => {
      readCapped(response, 100).then(
        ({ text }) => resolve(meaning(response.statusCode, text.trim())),
        () => resolve('no answer'),
      )
    })
    request.on('error', () => resolve('no answer'))
  })
}

function meaning(status: number | undefined, text: string): Readiness {
  if (status === 200 && (text === 'ready' || text === 'ready (frozen)')) return text
  return status === 503 && text === 'not ready' ? 'not ready' : 'another program answers'
}

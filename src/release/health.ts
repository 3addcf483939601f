import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { askReady, isReady } from './ready.ts'
import type { Service } from './service.ts'

/** How a service shows that it works. */
export interface Health {
  /** Answers 200 when it is ready: `http://127.0.0.1:8080/readyz`. */
  readonly url: string
  readonly clock: Clock
  /** How long it may take to become ready. */
  readonly withinMs: number
  /** How long it must then stay so. */
  readonly settleMs: number
}

const lookEveryMs = 200

/** The service becomes ready and stays so: the same process, not one that dies and is started again. @throws GatewayError operation_failed */
export async function waitUntilHealthy(service: Service, health: Health): Promise<void> {
  const { clock, withinMs, settleMs, url } = health
  const until = clock.elapsedMs() + withinMs
  let why = await unfitBecause(service, health)
  while (why !== undefined) {
    if (clock.elapsedMs() > until) throw unhealthy(`${url} did not become ready within ${withinMs / 1000} s: ${why}`)
    if ((await service.look()).ended) throw unhealthy(`${service.unit} has ended`)
    await clock.sleep(lookEveryMs)
    why = await unfitBecause(service, health)
  }
  const { pid } = await service.look()
  await clock.sleep(settleMs)
  const after = await unfitBecause(service, health)
  if (after !== undefined) throw unhealthy(`${url} was ready, but not for ${settleMs / 1000} s: ${after}`)
  if ((await service.look()).pid !== pid)
    throw unhealthy(`${service.unit} was started again within ${settleMs / 1000} s`)
}

async function unfitBecause(service: Service, { url }: Health): Promise<string | undefined> {
  if (!(await service.look()).active) return `${service.unit} is not active`
  const answer = await askReady(url)
  return isReady(answer) ? undefined : answer
}

const unhealthy = (what: string): GatewayError =>
  new GatewayError('operation_failed', what, { hint: 'journalctl -u tailops -n 50 tells why' })

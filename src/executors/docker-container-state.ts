import { z } from 'zod'
import type { Reconciled } from '../core/executor.ts'
import type { Operation, Outcome } from '../core/operation.ts'
import { parseJson } from '../lib/json.ts'

/** A request that changes whether a container runs. */
export interface Control {
  /** As the request names it, encoded. */
  readonly container: string
  readonly verb: 'start' | 'stop' | 'restart' | 'pause' | 'unpause' | 'kill'
}

/** The container and the verb of `POST /containers/ID/stop?t=10`; undefined for anything else. */
export function controlOf(operation: Operation): Control | undefined {
  if (operation.kind !== 'request' || operation.method !== 'POST') return undefined
  const found = /^\/containers\/([^/?]+)\/(start|stop|restart|pause|unpause|kill)(\?.*)?$/.exec(operation.path)
  const verb = verbs.find((known) => known === found?.[2])
  const container = found?.[1]
  return verb === undefined || container === undefined ? undefined : { container, verb }
}

const verbs = ['start', 'stop', 'restart', 'pause', 'unpause', 'kill'] as const

const inspected = z.object({
  State: z.object({ Running: z.boolean(), Paused: z.boolean(), StartedAt: z.string() }),
})

/** What tells one run of a container from the next: `running 2026-11-21T10:00:00.1Z`; the ref of a control request. */
export function runOf(outcome: Outcome): string | undefined {
  const { data } = inspected.safeParse(parseJson(outcome.output))
  if (!outcome.ok || data === undefined) return undefined
  const { Running, Paused, StartedAt } = data.State
  return `${Running ? (Paused ? 'paused' : 'running') : 'stopped'} ${StartedAt}`
}

/** Whether a control request did its work, by the container before it (`ref`) and after it. */
export function reconciledBy({ verb }: Control, ref: string | undefined, now: Outcome): Reconciled {
  const run = runOf(now)
  if (ref === undefined) return unknown('it is not known whether it was sent')
  if (run === undefined) return unknown('the container cannot be inspected')
  const [before = '', startedBefore] = ref.split(' ')
  const [after = '', started] = run.split(' ')
  const isNewRun = started !== startedBefore
  const isDone =
    verb === 'start' || verb === 'restart'
      ? isNewRun && after === 'running'
      : before !== after && after === endOf[verb] && (after === 'stopped' || !isNewRun)
  if (isDone) return { state: 'done', outcome: { ...now, output: '', status: 204, ok: true } }
  return unknown(run === ref ? `the container is ${after}, as before it` : `the container is ${after}, was ${before}`)
}

const endOf = { stop: 'stopped', kill: 'stopped', pause: 'paused', unpause: 'running' } as const

const unknown = (reason: string): Reconciled => ({ state: 'unknown', reason })

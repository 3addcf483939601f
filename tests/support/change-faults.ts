import { GatewayError } from '../../src/core/errors.ts'
import type { ClustersWorld } from './clusters-world.ts'
import { type Fault, faults, type Where } from './pve/faults.ts'

/** A fault of a change, and the ends that may be told of it. */
export interface ChangeFault {
  readonly name: string
  readonly fault: Fault
  readonly where: Where
  readonly ends: readonly string[]
}

const row = (name: string, fault: Fault, where: Where, ends: readonly string[]): ChangeFault => ({
  name,
  fault,
  where,
  ends,
})

const status: Where = { method: 'GET', path: /\/tasks\/.*\/status$/ }

/** Faults of a change whose first write is sent by this method. Written by hand; whether an end is true is judged by the log of effects. */
export function changeFaults(method: 'POST' | 'DELETE' | 'PUT'): readonly ChangeFault[] {
  const write: Where = { method, times: 1 }
  return [
    row('is slow', faults.slow(1500), write, ['done']),
    row('hangs before anything happens', faults.hang('before'), write, ['failed', 'unknown']),
    row('hangs after it happened', faults.hang('after'), write, ['done', 'unknown']),
    row('is reset before anything happens', faults.reset('before'), write, ['failed', 'unknown']),
    row('is reset after it happened', faults.reset('after'), write, ['done', 'unknown']),
    row('is refused: 401', faults.unauthorized(), write, ['failed']),
    row('is refused: 403', faults.forbidden('/vms/101, VM.Allocate'), write, ['failed']),
    row('finds no worker: 500', faults.serverError(), write, ['failed']),
    row('finds the node gone: 595', faults.refused(), write, ['failed']),
    row('finds the node silent: 596', faults.timedOut(), write, ['failed', 'unknown']),
    row('gets half a reply', faults.half(), write, ['done', 'unknown']),
    row('has a task that fails', faults.taskFails(), {}, ['failed']),
    row('has a task that never ends', faults.taskNeverEnds(), {}, ['unknown']),
    row('cannot ask about its task', faults.serverError(), status, ['done', 'unknown', 'failed']),
    row('loses its task while asking', faults.reset('before'), { ...status, times: 2 }, ['done', 'unknown']),
  ]
}

/** What really happened: tasks that were begun, and what they did. */
export function truthOf({ standIn }: Pick<ClustersWorld, 'standIn'>) {
  const effects = standIn.effects().map(({ effect }) => effect)
  return {
    begun: effects.filter((effect) => effect === 'accepted').length,
    done: effects.filter((effect) => effect !== 'accepted' && !effect.startsWith('failed')).length,
    failed: effects.filter((effect) => effect.startsWith('failed')).length,
  }
}

/** The end that is told of a change, asked with a request id so that it may be asked again; waited for where it goes on as a job. */
export async function endOf(world: ClustersWorld, tool: string, input: Record<string, unknown>): Promise<string> {
  const asked = world.ask(tool, input, { requestId: 'one' })
  const result = await asked.catch((error: unknown) => GatewayError.from(error))
  if (result instanceof GatewayError) return `refused: ${result.code}`
  if (result.kind !== 'change' || result.status !== 'running') return result.kind === 'change' ? result.status : 'query'
  // The clock of this world ends the wait of a call as soon as the limits of its steps.
  await world.gateway.jobs.idle()
  return world.state.journal.find(result.call)?.end?.status ?? 'running'
}

import { GatewayError } from '../core/errors.ts'
import type { Executor, Limits } from '../core/executor.ts'
import type { Clock } from '../lib/clock.ts'
import { follow } from '../lib/follow.ts'

interface Waiting {
  begin(): void
}

/** The same executor, with at most `concurrency` operations at a time; others wait their turn, as long as they may take. */
export function limited(executor: Executor, concurrency: number, clock: Clock): Executor {
  const queue = new Set<Waiting>()
  let running = 0
  const turn = (limits: Limits): Promise<void> => {
    if (running >= concurrency) return wait(queue, limits, clock)
    running++
    return Promise.resolve()
  }
  /** Hands the place to who has waited longest. */
  const leave = (): void => {
    const [next] = queue
    if (next === undefined) running--
    else next.begin()
  }
  return {
    async perform(operation, limits) {
      await turn(limits)
      try {
        return await executor.perform(operation, limits)
      } finally {
        leave()
      }
    },
    reconcile: (operation, sent) => executor.reconcile(operation, sent),
    close: () => executor.close(),
  }
}

/** @throws GatewayError busy, cancelled: nothing was sent */
async function wait(queue: Set<Waiting>, { signal, timeoutMs }: Limits, clock: Clock): Promise<void> {
  const done = follow(signal)
  const late = clock.sleep(timeoutMs, done.signal).then(
    () => new GatewayError('busy', `other operations kept this target busy for ${timeoutMs} ms`, { hint }),
    () => new GatewayError('cancelled', 'the caller cancelled before its turn came'),
  )
  let begin = (): void => undefined
  const begun = new Promise<undefined>((resolve) => {
    begin = () => resolve(undefined)
  })
  const waiting = {
    begin() {
      queue.delete(waiting)
      begin()
    },
  }
  queue.add(waiting)
  const refused = await Promise.race([begun, late])
  done.release()
  done.abort()
  // Its turn may come in the same moment as its end: then it has the place, and takes it.
  if (refused !== undefined && queue.delete(waiting)) throw refused
}

const hint = 'try again later; constraints.concurrency of the target is the limit'

import type { Clock } from '../lib/clock.ts'
import type { Change } from './changes.ts'
import { fleetResources, recentCalls, resources, targetList } from './resources.ts'

/** What is served until its client leaves or a signal ends it. */
export interface Service {
  readonly ended?: Promise<void>
  changed(what: Change): void
  close(): Promise<void>
}

/** What a service tells its clients of. */
export interface Served {
  readonly clock: Clock
  /** Loads the configuration again; false when the old one stays. */
  reload(): boolean
  /** Who hears of ended calls and of changes of the fleet; undefined: nobody any more. */
  onNews(listener: Listener | undefined): void
}

/** Hears what clients may have subscribed to. */
export interface Listener {
  /** A call of this tool has ended. */
  called(tool: string): void
  /** A look at the fleet found something different. */
  fleetChanged(): void
  /** There may be other tools now: discovery has found a kind of target that was not there. */
  toolsChanged(): void
}

/** SIGHUP loads the configuration again; SIGTERM and SIGINT let calls finish and end the service. */
export async function untilStopped(process: NodeJS.Process, service: Service, served: Served): Promise<void> {
  const onHangup = () => {
    if (!served.reload()) return
    service.changed('tools')
    service.changed({ resource: targetList })
  }
  process.on('SIGHUP', onHangup)
  const tellingEnds = new AbortController()
  served.onNews({
    called: tellingOfCalls(service, served.clock, tellingEnds.signal),
    fleetChanged() {
      for (const resource of fleetResources) service.changed({ resource })
    },
    toolsChanged: () => service.changed('tools'),
  })
  const stopped = Promise.withResolvers<void>()
  const stop = () => stopped.resolve()
  process.once('SIGTERM', stop).once('SIGINT', stop)
  try {
    await Promise.race([stopped.promise, ...(service.ended === undefined ? [] : [service.ended])])
    await service.close()
  } finally {
    served.onNews(undefined)
    tellingEnds.abort()
    process.off('SIGHUP', onHangup).off('SIGTERM', stop).off('SIGINT', stop)
  }
}

const tellEveryMs = 1000

/** Once a second at most; not of the calls that read the list, or who reads it would be told for ever. */
function tellingOfCalls(service: Service, clock: Clock, signal: AbortSignal): Listener['called'] {
  const reader = resources.find(({ uri }) => uri === recentCalls)?.tool
  let isPending = false
  return (tool) => {
    if (isPending || tool === reader) return
    isPending = true
    clock.sleep(tellEveryMs, signal).then(
      () => {
        isPending = false
        service.changed({ resource: recentCalls })
      },
      () => undefined,
    )
  }
}

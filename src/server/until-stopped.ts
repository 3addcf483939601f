import type { Change } from './changes.ts'

/** What is served until its client leaves or a signal ends it. */
export interface Service {
  readonly ended?: Promise<void>
  changed(what: Change): void
  close(): Promise<void>
}

/** SIGHUP loads the configuration again; SIGTERM and SIGINT let calls finish and end the service. */
export async function untilStopped(process: NodeJS.Process, service: Service, reload: () => boolean): Promise<void> {
  const onHangup = () => {
    if (!reload()) return
    service.changed('tools')
    service.changed({ resource: 'targets://list' })
  }
  process.on('SIGHUP', onHangup)
  let stop = (): void => undefined
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  process.once('SIGTERM', stop).once('SIGINT', stop)
  try {
    await Promise.race([stopped, ...(service.ended === undefined ? [] : [service.ended])])
    await service.close()
  } finally {
    process.off('SIGHUP', onHangup).off('SIGTERM', stop).off('SIGINT', stop)
  }
}

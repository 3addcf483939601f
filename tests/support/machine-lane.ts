/** A machine on which tests that run at the same time as others take turns, in the order in which they began. */
export interface Lane<M> {
  /** The body of a test. */
  turn<A extends readonly unknown[]>(body: (machine: M, ...args: A) => Promise<void>): (...args: A) => Promise<void>
  stop(): Promise<void>
}

/** The machine is started by the first turn. Tests of several lanes wait for their machines, not for one another. */
export function laneOf<M extends { stop(): Promise<void> }>(start: () => Promise<M>): Lane<M> {
  let machine: Promise<M> | undefined
  let last: Promise<void> = Promise.resolve()
  return {
    turn:
      (body) =>
      async (...args) => {
        const turn = last.then(async () => {
          machine ??= start()
          await body(await machine, ...args)
        })
        last = turn.catch(() => undefined)
        await turn
      },
    async stop() {
      await last
      await (await machine)?.stop()
    },
  }
}

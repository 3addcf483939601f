import { stat } from 'node:fs'

/**
 * Goes on in a later turn of the event loop. Not by setImmediate: what goes on inside such a callback, and there waits by
 * `expect(…).rejects`, waits for ever where another callback of the same turn is needed (oven-sh/bun#39103).
 */
export const turn = (): Promise<void> => new Promise((resolve) => stat('/', () => resolve()))

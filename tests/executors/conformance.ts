import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Executor, Limits } from '../../src/core/executor.ts'
import type { Operation } from '../../src/core/operation.ts'
import { turn } from '../support/turn.ts'

/** One kind of executor over its real peer, and operations that show how it behaves. */
export interface Subject {
  readonly executor: Executor
  /** A read that ends well, and what is in its output. */
  readonly read: { readonly operation: Operation; readonly output: string }
  /** A read that the peer answers with a failure, and its status. */
  readonly refused: { readonly operation: Operation; readonly status: number }
  /** A read that would go on for a minute. */
  readonly endless: Operation
  /** Whether the peer still works on the endless one. */
  isWorking(): boolean | Promise<boolean>
  /** A kind of operation that this executor does not have. */
  readonly foreign: Operation
  /** Writes, where it performs any. */
  readonly writes?: Writes | undefined
  close(): Promise<void>
}

interface Writes {
  readonly done: Operation
  readonly failed: { readonly operation: Operation; readonly status: number }
  /** How often the peer has done `done`, by its own account. */
  count(): number
}

/** Room enough for what a test does. */
export const limits = (more: Partial<Limits> = {}): Limits => ({
  signal: new AbortController().signal,
  timeoutMs: 10_000,
  maxOutputBytes: 1024 * 1024,
  ...more,
})

/** What every executor promises (core/executor.ts), tried on its real peer. */
export function executorConformance(name: string, open: () => Promise<Subject>): void {
  describe(`the executor of ${name} targets`, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(() => subject.close())

    test('performs a read and gives its output', async () => {
      const { operation, output } = subject.read
      const outcome = await subject.executor.perform(operation, limits())
      expect(outcome).toMatchObject({ ok: true, truncated: false })
      expect(outcome.output).toContain(output)
      expect(outcome.durationMs).toBeGreaterThanOrEqual(0)
    })

    test('gives a failure of the peer as an outcome, not as an exception', async () => {
      const { operation, status } = subject.refused
      expect(await subject.executor.perform(operation, limits())).toMatchObject({ ok: false, status })
    })

    test('never gives more output than it may, and never cuts in silence', async () => {
      const outcome = await subject.executor
        .perform(subject.read.operation, limits({ maxOutputBytes: 3 }))
        .catch((error) => error)
      if ('code' in outcome) expect(outcome.code).toBe('operation_failed')
      else expect([outcome.truncated, Buffer.byteLength(outcome.output) <= 3]).toEqual([true, true])
    })

    test('sends nothing for a caller who has gone before', async () => {
      const gone = AbortSignal.abort()
      await expect(subject.executor.perform(subject.read.operation, limits({ signal: gone }))).rejects.toMatchObject({
        code: 'cancelled',
      })
    })

    test('stops for a caller who goes meanwhile, on the peer too', async () => {
      const over = new AbortController()
      const performing = subject.executor.perform(subject.endless, limits({ signal: over.signal }))
      await waitFor(() => subject.isWorking())
      over.abort()
      await expect(performing).rejects.toMatchObject({ code: 'cancelled' })
      await waitFor(async () => !(await subject.isWorking()))
    })

    test('stops when its time is over, on the peer too', async () => {
      await expect(subject.executor.perform(subject.endless, limits({ timeoutMs: 200 }))).rejects.toMatchObject({
        code: 'timeout',
      })
      await waitFor(async () => !(await subject.isWorking()))
    })

    test('refuses what it cannot perform', async () => {
      await expect(subject.executor.perform(subject.foreign, limits())).rejects.toMatchObject({ code: 'internal' })
    })

    test('does not know of a write that was never sent', async () => {
      const operation = subject.writes?.done ?? subject.read.operation
      const found = await subject.executor.reconcile(operation, { at: new Date(), step: 'never-sent-0-do' })
      expect(found.state).toBe('unknown')
    })

    test('performs a write once, and gives its outcome', async () => {
      if (subject.writes === undefined) return expect(subject.writes).toBeUndefined()
      const { done, failed, count } = subject.writes
      const before = count()
      const refs: string[] = []
      const step = limits({ step: 'conformance-0-do', onRef: (ref) => refs.push(ref) })
      expect(await subject.executor.perform(done, step)).toMatchObject({ ok: true })
      expect([count() - before, refs.length]).toEqual([1, 1])
      const outcome = await subject.executor.perform(failed.operation, limits({ step: 'conformance-1-do' }))
      expect(outcome).toMatchObject({ ok: false, status: failed.status })
    })

    test('closes, and closes again', async () => {
      await subject.executor.close()
      await subject.executor.close()
    })
  })
}

async function waitFor(holds: () => boolean | Promise<boolean>): Promise<void> {
  const until = performance.now() + 10_000
  while (!(await holds())) {
    if (performance.now() > until) throw new Error('never came true')
    await turn()
  }
}

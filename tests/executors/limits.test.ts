import { expect, test } from 'bun:test'
import type { Executor } from '../../src/core/executor.ts'
import { get, type Outcome } from '../../src/core/operation.ts'
import { limited } from '../../src/executors/limits.ts'
import { movedClock } from '../support/moved-clock.ts'
import { turn } from '../support/turn.ts'

const outcome: Outcome = { ok: true, status: 200, output: '', errorOutput: '', truncated: false, durationMs: 0 }

/** An executor whose operations end when the test says so. */
function openGate() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const executor: Executor = {
    perform: (operation) =>
      new Promise((resolve) => {
        const path = operation.kind === 'request' ? operation.path : ''
        begun.push(path)
        ends.set(path, () => resolve(outcome))
      }),
    reconcile: async () => ({ state: 'unknown', reason: 'never sent' }),
    close: async () => undefined,
  }
  const clock = movedClock()
  const target = limited(executor, 2, clock)
  const ask = (path: string, signal = new AbortController().signal) =>
    target.perform(get(path), { signal, timeoutMs: 1000, maxOutputBytes: 10 })
  return { begun, clock, ask, end: (path: string) => ends.get(path)?.() }
}

const settled = () => turn()

test('no more than so many at a time, and those that wait begin in the order they came', async () => {
  const { begun, ask, end } = openGate()
  const all = ['/1', '/2', '/3', '/4'].map((path) => ask(path))
  await settled()
  expect(begun).toEqual(['/1', '/2'])
  end('/2')
  await settled()
  expect(begun).toEqual(['/1', '/2', '/3'])
  end('/1')
  await settled()
  end('/3')
  end('/4')
  expect(await Promise.all(all)).toHaveLength(4)
})

test('one that waits longer than it may take is told that the target is busy, and was never sent', async () => {
  const { begun, clock, ask, end } = openGate()
  const first = [ask('/1'), ask('/2')]
  const late = ask('/3')
  clock.advance(1000)
  expect(late).rejects.toMatchObject({ code: 'busy' })
  await settled()
  end('/1')
  end('/2')
  await Promise.all(first)
  const next = ask('/4')
  await settled()
  end('/4')
  await next
  expect(begun).toEqual(['/1', '/2', '/4'])
})

test('one that is cancelled while it waits leaves its place to the next', async () => {
  const { begun, ask, end } = openGate()
  const first = [ask('/1'), ask('/2')]
  const over = new AbortController()
  const cancelled = ask('/3', over.signal)
  const next = ask('/4')
  over.abort()
  expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
  await settled()
  end('/1')
  end('/2')
  await Promise.all(first)
  await settled()
  end('/4')
  await next
  expect(begun).toEqual(['/1', '/2', '/4'])
})

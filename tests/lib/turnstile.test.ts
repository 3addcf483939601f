import { expect, test } from 'bun:test'
import { openTurnstile } from '../../src/lib/turnstile.ts'
import { turn } from '../support/turn.ts'

const never = new AbortController().signal

const open = (limits: { readonly perKey: number; readonly total: number; readonly queuePerKey: number }) => {
  const turnstile = openTurnstile({ ...limits, refuse: (why) => new Error(why) })
  const inside: string[] = []
  const ends = new Map<string, () => void>()
  const pass = (key: string, name: string, signal = never) =>
    turnstile.pass(key, signal, () => {
      inside.push(name)
      return new Promise<void>((resolve) => ends.set(name, resolve))
    })
  const end = async (name: string) => {
    ends.get(name)?.()
    await turn()
  }
  return { turnstile, inside, pass, end }
}

test('others of a key wait in line, and go in the order they came', async () => {
  const { turnstile, inside, pass, end } = open({ perKey: 1, total: 10, queuePerKey: 2 })
  const all = ['a1', 'a2', 'a3'].map((name) => pass('a', name))
  expect([inside, turnstile.waiting]).toEqual([['a1'], 2])
  await end('a1')
  await end('a2')
  expect(inside).toEqual(['a1', 'a2', 'a3'])
  await end('a3')
  await Promise.all(all)
  expect([turnstile.inside, turnstile.waiting]).toEqual([0, 0])
})

test('a full line refuses', async () => {
  const { turnstile, pass, end } = open({ perKey: 1, total: 10, queuePerKey: 1 })
  const both = [pass('a', 'a1'), pass('a', 'a2')]
  expect([turnstile.isFull('a'), turnstile.isFull('b')]).toEqual([true, false])
  expect(pass('a', 'a3')).rejects.toThrow('full')
  await end('a1')
  await end('a2')
  await Promise.all(both)
})

test('who waits for its own limit holds up nobody else', async () => {
  const { inside, pass, end } = open({ perKey: 1, total: 2, queuePerKey: 5 })
  const all = [pass('a', 'a1'), pass('a', 'a2'), pass('b', 'b1'), pass('c', 'c1')]
  expect(inside).toEqual(['a1', 'b1'])
  await end('b1')
  expect(inside).toEqual(['a1', 'b1', 'c1'])
  for (const name of ['a1', 'a2', 'c1']) await end(name)
  await Promise.all(all)
})

test('who leaves the line is not let in, and its place is free', async () => {
  const { turnstile, inside, pass, end } = open({ perKey: 1, total: 10, queuePerKey: 1 })
  const first = pass('a', 'a1')
  const gone = new AbortController()
  const second = pass('a', 'a2', gone.signal)
  gone.abort()
  expect(second).rejects.toThrow('gone')
  await turn()
  expect(turnstile.waiting).toBe(0)
  await end('a1')
  await first
  expect(inside).toEqual(['a1'])
})

test('work that fails gives its place back', async () => {
  const turnstile = openTurnstile({ perKey: 1, total: 1, queuePerKey: 0, refuse: (why) => new Error(why) })
  expect(turnstile.pass('a', never, () => Promise.reject(new Error('broke')))).rejects.toThrow('broke')
  await turn()
  expect(turnstile.inside).toBe(0)
})

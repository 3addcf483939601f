import { expect, test } from 'bun:test'
import { openTokenBuckets } from '../../src/lib/token-buckets.ts'

const open = (more: { readonly count?: number; readonly maxKeys?: number } = {}) => {
  let now = 0
  const buckets = openTokenBuckets({ count: 3, perMs: 60_000, elapsedMs: () => now, ...more })
  return { buckets, move: (ms: number) => (now += ms) }
}

test('so many at once, then one by one', () => {
  const { buckets, move } = open()
  expect([1, 2, 3, 4].map(() => buckets.take('a'))).toEqual([0, 0, 0, 20_000])
  move(19_999)
  expect(buckets.take('a')).toBe(1)
  move(1)
  expect([buckets.take('a'), buckets.take('a')]).toEqual([0, 20_000])
  move(60_000)
  expect([1, 2, 3, 4].map(() => buckets.take('a'))).toEqual([0, 0, 0, 20_000])
})

test('a refused take costs nothing', () => {
  const { buckets, move } = open()
  for (let times = 0; times < 1000; times++) buckets.take('a')
  move(20_000)
  expect(buckets.take('a')).toBe(0)
})

test.each([1, 7, 60, 100, 999])('of %i a minute exactly as many are given', (count) => {
  const { buckets, move } = open({ count })
  const given = () => Array.from({ length: 2 * count }, () => buckets.take('a')).filter((waitMs) => waitMs === 0).length
  expect(given()).toBe(count)
  move(60_000)
  expect(given()).toBe(count)
})

test('keys do not share', () => {
  const { buckets } = open()
  for (let times = 0; times < 5; times++) buckets.take('a')
  expect(buckets.take('b')).toBe(0)
})

test('full buckets are forgotten, and beyond the limit those that were used longest ago', () => {
  const { buckets, move } = open({ maxKeys: 100 })
  for (let key = 0; key < 100_000; key++) buckets.take(`k${key}`)
  expect(buckets.size).toBe(100)
  move(60_001)
  buckets.take('last')
  expect(buckets.size).toBe(1)
})

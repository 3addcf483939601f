import { expect, test } from 'bun:test'
import { healthyWithinMs } from '../../src/formats/docker-health.ts'

const second = 1_000_000_000
const Test = ['CMD-SHELL', 'true']

test('a health check gives the time that its failure would need', () => {
  expect(healthyWithinMs({ Test, Interval: second, Timeout: 2 * second, Retries: 2 }, undefined)).toBe(16_000)
  expect(healthyWithinMs({ Test, Interval: second, Timeout: second, StartPeriod: 60 * second }, undefined)).toBe(76_000)
})

test('what is left out is the image’s, then the engine’s', () => {
  expect(healthyWithinMs({ Test: null, Interval: 2 * second }, { Test, Interval: second, Timeout: second })).toBe(
    19_000,
  )
  expect(healthyWithinMs({ Test }, null)).toBe(190_000)
})

test('nothing waits for ever', () => {
  expect(healthyWithinMs({ Test, Interval: 3600 * second }, null)).toBe(900_000)
})

test('without a check there is nothing to wait for', () => {
  expect(healthyWithinMs(null, null)).toBeUndefined()
  expect(healthyWithinMs({ Test: ['NONE'] }, { Test })).toBeUndefined()
})

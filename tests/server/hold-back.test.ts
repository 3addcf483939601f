import { expect, test } from 'bun:test'
import { openHoldBack } from '../../src/server/hold-back.ts'
import { movedClock } from '../support/moved-clock.ts'

const never = new AbortController().signal

test('beyond 1024 at the same time answers go out at once', async () => {
  const clock = movedClock()
  const holdBack = openHoldBack(clock, 1000)
  const held = Array.from({ length: 1024 }, () => holdBack(new Response('held'), never))
  expect(await (await holdBack(new Response('at once'), never)).text()).toBe('at once')
  clock.advance(1000)
  await Promise.all(held)
  const again = holdBack(new Response('held again'), never)
  clock.advance(1000)
  expect(await (await again).text()).toBe('held again')
})

test('who goes away makes room', async () => {
  const holdBack = openHoldBack(movedClock(), 1000)
  const gone = new AbortController()
  const held = Array.from({ length: 1024 }, () => holdBack(new Response(''), gone.signal))
  gone.abort()
  await Promise.all(held)
})

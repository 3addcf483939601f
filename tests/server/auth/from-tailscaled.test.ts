import { beforeEach, expect, test } from 'bun:test'
import { fromTailscaled } from '../../../src/server/auth/from-tailscaled.ts'
import { type MovedClock, movedClock } from '../../support/moved-clock.ts'

const ada = '100.64.0.7'
const eve = '100.64.0.66'
const peer = { address: '127.0.0.1', port: 4711, ownPort: 8080 }

let clock: MovedClock
let owner: number | undefined
let asked: number
let isProxy: ReturnType<typeof fromTailscaled>
beforeEach(() => {
  clock = movedClock()
  owner = process.getuid?.()
  asked = 0
  // Of a file of ours; what it is does not matter here.
  const socketPath = import.meta.filename
  isProxy = fromTailscaled({
    socketPath,
    clock,
    async ownerOf() {
      asked++
      return owner
    },
  })
})

test('the kernel is asked once a second for one caller on one connection', async () => {
  expect([await isProxy(peer, ada), await isProxy(peer, ada), asked]).toEqual([true, true, 1])
  clock.advance(999)
  expect([await isProxy(peer, ada), asked]).toEqual([true, 1])
  clock.advance(1)
  expect([await isProxy(peer, ada), asked]).toEqual([true, 2])
})

test('another caller, port or address is asked about anew', async () => {
  await isProxy(peer, ada)
  for (const [one, caller] of [
    [peer, eve],
    [{ ...peer, port: 4712 }, ada],
    [{ ...peer, address: '::1' }, ada],
  ] as const) {
    const before = asked
    await isProxy(one, caller)
    expect(asked).toBe(before + 1)
  }
})

test('who takes over a port that another caller used last cannot be the one before', async () => {
  await isProxy(peer, ada)
  await isProxy(peer, eve)
  owner = 65_534
  expect(await isProxy(peer, ada)).toBe(false)
  expect(await isProxy(peer, eve)).toBe(false)
})

test('a refusal is not remembered, and ends what was', async () => {
  await isProxy(peer, ada)
  clock.advance(1000)
  owner = undefined
  expect(await isProxy(peer, ada)).toBe(false)
  owner = process.getuid?.()
  expect(await isProxy(peer, ada)).toBe(true)
})

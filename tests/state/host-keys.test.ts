import { expect, test } from 'bun:test'
import { StateWorld } from './state-world.ts'

test('the first key of a target stays, for every process', () => {
  using world = new StateWorld()
  const { hostKeys } = world.open()
  const other = world.open('cli').hostKeys
  expect(hostKeys.get('web-1')).toBeUndefined()
  hostKeys.set('web-1', 'SHA256:aaaa')
  other.set('web-1', 'SHA256:bbbb')
  expect([hostKeys.get('web-1'), other.get('web-1'), other.get('web-2')]).toEqual([
    'SHA256:aaaa',
    'SHA256:aaaa',
    undefined,
  ])
})

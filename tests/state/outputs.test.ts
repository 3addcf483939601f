import { expect, test } from 'bun:test'
import { randomId } from '../../src/lib/random-id.ts'
import { openDatabase } from '../../src/state/database.ts'
import { openOutputs } from '../../src/state/outputs.ts'
import { outputMigrations } from '../../src/state/schema.ts'
import { StateWorld } from './state-world.ts'

const output = (text: string) => ({ text, caller: 'token:abcd', tool: 'read_file', targets: ['local'] })

function outputsIn(world: StateWorld, maxBytes: number, totalBytes: number) {
  const now = () => new Date(world.at)
  const { database } = openDatabase({
    path: `${world.dir}/o.db`,
    migrations: outputMigrations,
    synchronous: 'OFF',
    now,
  })
  const outputs = openOutputs({ database, now, newId: randomId, maxBytes, totalBytes })
  return { ...outputs, [Symbol.dispose]: () => database.close() }
}

test('an output is found by its handle for an hour', () => {
  using world = new StateWorld()
  const { outputs } = world.open()
  const handle = outputs.put(output('text'))
  expect(handle).toMatch(/^[a-z0-9]{12}$/)
  expect(world.open().outputs.find(handle)).toEqual({ ...output('text'), discardedBytes: 0 })
  world.at += 3_600_000
  expect(outputs.find(handle)).toBeUndefined()
  expect(outputs.find('nothing')).toBeUndefined()
})

test('what is beyond the limit is discarded at a character and counted', () => {
  using world = new StateWorld()
  using outputs = outputsIn(world, 5, 100)
  expect(outputs.find(outputs.put(output('abcüüx')))).toMatchObject({ text: 'abcü', discardedBytes: 3 })
  expect(outputs.find(outputs.put(output('abcdüx')))).toMatchObject({ text: 'abcd', discardedBytes: 3 })
})

test('the oldest are dropped when all together are too many', () => {
  using world = new StateWorld()
  using outputs = outputsIn(world, 10, 25)
  const handles = [1, 2, 3].map(() => outputs.put(output('0123456789')))
  expect(handles.map((handle) => outputs.find(handle) !== undefined)).toEqual([false, true, true])
})

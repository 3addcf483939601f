import { expect, test } from 'bun:test'
import { chmodSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ended, StateWorld, startWorker } from './state-world.ts'

test('the folder and its files are for their owner only', async () => {
  using world = new StateWorld()
  rmSync(world.dir, { recursive: true })
  const { audit, outputs } = world.open()
  await audit.append({ at: '', call: '', event: 'gateway', caller: 'gateway' })
  outputs.put({ text: '', caller: '', tool: '', targets: [] })
  expect(statSync(world.dir).mode & 0o777).toBe(0o700)
  for (const name of readdirSync(world.dir))
    expect([name, statSync(join(world.dir, name)).mode & 0o077]).toEqual([name, 0])
})

test('a damaged database is kept as evidence, a new one begun, and the log tells of it', () => {
  using world = new StateWorld()
  writeFileSync(join(world.dir, 'tailops.db'), 'not a database '.repeat(1000))
  const { audit, tokens } = world.open()
  expect(tokens.list()).toEqual([])
  expect(readdirSync(world.dir)).toContain('tailops.db.corrupt-2026-03-01T12-00-00.000Z')
  expect(world.logged).toContain('state_damaged')
  expect(audit.tail({ limit: 1 })[0]?.reason).toContain('tailops.db was damaged')
})

test('a database whose pages were overwritten is found damaged', () => {
  using world = new StateWorld()
  const { tokens } = world.open()
  tokens.mint({ name: 'a', scopes: ['readonly'], expiresAt: new Date(world.at + 1000) })
  world.close()
  const path = join(world.dir, 'tailops.db')
  const size = statSync(path).size
  const bytes = Buffer.alloc(size, 0x5a)
  new DatabaseSync(path).close()
  writeFileSync(path, Buffer.concat([Buffer.from('SQLite format 3\0'), bytes.subarray(16)]))
  expect(world.open().tokens.list()).toEqual([])
  expect(readdirSync(world.dir).some((name) => name.startsWith('tailops.db.corrupt-'))).toBe(true)
})

test('the database of a newer tailops is refused and left alone', () => {
  using world = new StateWorld()
  world.open()
  world.close()
  const database = new DatabaseSync(join(world.dir, 'tailops.db'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  expect(() => world.open()).toThrow('its schema is version 99, this tailops knows')
})

test('a folder that is a file, or that others may write to, is refused', () => {
  using world = new StateWorld()
  chmodSync(world.dir, 0o777)
  expect(() => world.open()).toThrow('others may write')
  rmSync(world.dir, { recursive: true })
  writeFileSync(world.dir, '')
  expect(() => world.open()).toThrow(/cannot write to the state directory|is not a directory/)
})

test('processes that open a new state directory at the same moment all succeed', async () => {
  using world = new StateWorld()
  rmSync(world.dir, { recursive: true })
  const outputs = await Promise.all([1, 2, 3, 4].map(() => ended(startWorker(world.dir, 'append', '8'))))
  for (const output of outputs) expect(output).toBe('ready\ndurable 0\ndurable 7\n')
  expect(world.open().audit.verify()).toMatchObject({ ok: true, records: 4 * 21 })
}, 20_000)

import { expect, test } from 'bun:test'
import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { backUpState, isStateNewer, restoreOlderState } from '../../src/state/backup.ts'
import { StateWorld } from './state-world.ts'

/** What a newer version does at its start: a migration. */
function migrate(path: string): void {
  const database = new DatabaseSync(path)
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  database.exec(`CREATE TABLE of_the_future (x TEXT) STRICT; PRAGMA user_version = ${version + 1}`)
  database.close()
}

const mint = (state: ReturnType<StateWorld['open']>, name: string) =>
  state.tokens.mint({ name, scopes: ['system:read'], expiresAt: new Date('2027-01-01') })

const names = (state: ReturnType<StateWorld['open']>) => state.tokens.list().map((token) => token.name)

test('what a newer version has migrated is put back as it was, and the newer one is kept', () => {
  using world = new StateWorld()
  mint(world.open(), 'before')
  expect(backUpState(world.dir)).toEqual(['tailops.db', 'fleet.db'])
  mint(world.open(), 'after')
  world.close()
  migrate(join(world.dir, 'tailops.db'))
  expect(() => world.open()).toThrow('this tailops knows')

  expect(isStateNewer(world.dir)).toBe(true)
  expect(restoreOlderState(world.dir)).toEqual(['tailops.db'])
  expect(names(world.open())).toEqual(['before'])
  expect(existsSync(join(world.dir, 'tailops.db.newer'))).toBe(true)
  expect(isStateNewer(world.dir)).toBe(false)
})

test('where the schema is the same nothing is put back: nothing of what happened since is lost', () => {
  using world = new StateWorld()
  mint(world.open(), 'before')
  backUpState(world.dir)
  mint(world.open(), 'after')
  world.close()
  expect(restoreOlderState(world.dir)).toEqual([])
  expect(names(world.open()).toSorted()).toEqual(['after', 'before'])
})

test('while the state is in use it is copied, but not put back', () => {
  using world = new StateWorld()
  const state = world.open()
  mint(state, 'before')
  backUpState(world.dir)
  migrate(join(world.dir, 'tailops.db'))
  const busy = new DatabaseSync(join(world.dir, 'tailops.db'))
  busy.exec('BEGIN; SELECT * FROM tokens')
  mint(state, 'meanwhile')
  expect(() => restoreOlderState(world.dir)).toThrow('is in use')
  busy.close()
})

test('a directory without state, or without a backup, has nothing to copy or put back', () => {
  using world = new StateWorld()
  expect(backUpState(world.dir)).toEqual([])
  expect(restoreOlderState(world.dir)).toEqual([])
  world.open()
  expect(isStateNewer(world.dir)).toBe(false)
})

const nobody = 65_534

test('root works with the rights of who owns the state: what it writes is theirs, and no link leads it elsewhere', () => {
  if (process.getuid?.() !== 0) return
  using world = new StateWorld()
  world.open()
  world.close()
  for (const name of ['', ...readdirSync(world.dir)]) chownSync(join(world.dir, name), nobody, nobody)
  backUpState(world.dir)
  expect(statSync(join(world.dir, 'before-update', 'tailops.db')).uid).toBe(nobody)

  using elsewhere = new StateWorld()
  mkdirSync(join(elsewhere.dir, 'of-root'), { mode: 0o700 })
  symlinkSync(join(elsewhere.dir, 'of-root'), join(world.dir, 'before-update.new'))
  backUpState(world.dir)
  expect(readdirSync(join(elsewhere.dir, 'of-root'))).toEqual([])
  expect(lstatSync(join(world.dir, 'before-update')).isSymbolicLink()).toBe(false)
  expect(process.geteuid?.()).toBe(0)
})

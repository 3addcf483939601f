import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StateWorld } from './state-world.ts'

const day = 86_400_000

const asked = (world: StateWorld, more = {}) => ({
  name: 'laptop',
  scopes: ['readonly', 'container:write'],
  expiresAt: new Date(world.at + 90 * day),
  ...more,
})

test('a token proves its caller and scopes until it expires', () => {
  using world = new StateWorld()
  const { tokens } = world.open()
  const { id, token } = tokens.mint(asked(world))
  expect(token).toMatch(new RegExp(`^tops_${id}_[a-z0-9]{40}$`))
  const found = tokens.verify(token)
  expect(found?.caller.id).toBe(`token:${id}`)
  expect(found?.caller.scopes).toContain('container:control')
  expect(found?.caller.scopes).not.toContain('container:write')
  world.at += 90 * day - 1
  expect(tokens.verify(token)).toBeDefined()
  world.at += 1
  expect(tokens.verify(token)).toBeUndefined()
})

test('a token with one other letter, and what is no token, prove nothing', () => {
  using world = new StateWorld()
  const { tokens } = world.open()
  const { id, token } = tokens.mint(asked(world))
  const last = token.endsWith('a') ? 'b' : 'a'
  for (const other of [token.slice(0, -1) + last, `${token}a`, `tops_${id}_`, '', 'x'.repeat(1e6), `${token}\n`]) {
    expect(tokens.verify(other)).toBeUndefined()
  }
})

test('a revocation by another process is seen within 10 ms, one of our own at once', () => {
  using world = new StateWorld()
  const { tokens } = world.open()
  const { id, token } = tokens.mint(asked(world))
  expect(tokens.verify(token)).toBeDefined()
  world.open('cli').tokens.revoke(id)
  world.at += 10
  expect(tokens.verify(token)).toBeUndefined()
  const own = tokens.mint(asked(world))
  expect(tokens.verify(own.token)).toBeDefined()
  tokens.revoke(own.id)
  expect(tokens.verify(own.token)).toBeUndefined()
  expect(tokens.list()[0]?.revokedAt).toEqual(new Date(world.at))
  expect(() => tokens.revoke('nothing')).toThrow('there is no token nothing')
})

test('a token made by another process works at once', () => {
  using world = new StateWorld()
  const server = world.open().tokens
  const { token } = world.open('cli').tokens.mint(asked(world))
  expect(server.verify(token)).toBeDefined()
})

test('the token itself is nowhere in the state directory', () => {
  using world = new StateWorld()
  const { token } = world.open().tokens.mint(asked(world))
  world.close()
  expect(readFileSync(join(world.dir, 'tailops.db')).includes(token.slice(-40))).toBe(false)
})

test('a token needs a name, known scopes and an expiry within a year', () => {
  using world = new StateWorld()
  const { tokens } = world.open()
  expect(() => tokens.mint(asked(world, { name: 'a\nb' }))).toThrow('printable')
  expect(() => tokens.mint(asked(world, { scopes: [] }))).toThrow('at least one scope')
  expect(() => tokens.mint(asked(world, { scopes: ['container:raed'] }))).toThrow('is no scope')
  expect(() => tokens.mint(asked(world, { expiresAt: new Date(world.at) }))).toThrow('expire')
  expect(() => tokens.mint(asked(world, { expiresAt: new Date(world.at + 367 * day) }))).toThrow('expire')
})

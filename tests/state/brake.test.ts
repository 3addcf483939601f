import { afterEach, beforeEach, expect, test } from 'bun:test'
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomId } from '../../src/lib/random-id.ts'
import { openBrake } from '../../src/state/brake.ts'

const at = new Date('2026-02-03T04:05:06.000Z')
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tailops-brake-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('a freeze is one whole file, and release leaves nothing', () => {
  const brake = openBrake(dir, randomId)
  brake.freeze({ at, by: 'cli:0', reason: 'why', stop: true })
  expect(readdirSync(dir)).toEqual(['frozen'])
  expect(JSON.parse(readFileSync(join(dir, 'frozen'), 'utf8'))).toEqual({
    at: at.toISOString(),
    by: 'cli:0',
    reason: 'why',
    stop: true,
  })
  expect(brake.release()).toEqual({ at, by: 'cli:0', reason: 'why', stop: true })
  expect([readdirSync(dir), brake.frozen(), brake.release()]).toEqual([[], undefined, undefined])
})

test('the file belongs to whom the directory belongs to, so that the service can read why root froze it', () => {
  const own = process.getuid?.() ?? 0
  const owner = own === 0 ? 65_534 : own
  chownSync(dir, owner, process.getgid?.() ?? 0)
  openBrake(dir, randomId).freeze({ at, by: 'cli:0', stop: false })
  expect(statSync(join(dir, 'frozen')).uid).toBe(owner)
})

test.each(['', '{}', 'null', '[', '{"at":"x","by":1}', '\u0000'.repeat(100)])(
  'a file with %j in it freezes',
  (text) => {
    writeFileSync(join(dir, 'frozen'), text)
    expect(openBrake(dir, randomId).frozen()).toMatchObject({ by: 'unknown', stop: false })
  },
)

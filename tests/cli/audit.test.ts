import { expect, test } from 'bun:test'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import audit from '../../src/cli/audit.ts'
import { CliWorld } from '../state/cli-world.ts'
import { record } from '../state/state-world.ts'

test('verify says that the log holds, or where it is broken and why', async () => {
  using cli = new CliWorld()
  await cli.state.audit.append(record())
  expect(await audit.run(['verify'], cli.world)).toBe(0)
  expect(cli.out).toBe('the audit log holds: 1 records in 1 files\n')
  appendFileSync(join(cli.dir, 'audit.jsonl'), '\n')
  expect(await audit.run(['verify'], cli.world)).toBe(1)
  expect(cli.err).toContain('audit.jsonl:2: it is not a sealed record')
  cli.out = ''
  await audit.run(['verify', '--json'], cli.world)
  expect(JSON.parse(cli.out)).toMatchObject({ ok: false, broken: { line: 2 } })
})

test('tail shows the newest records, with nothing in them that a terminal obeys', async () => {
  using cli = new CliWorld()
  for (const reason of ['old', 'a\u001b[2Jb']) await cli.state.audit.append(record({ reason, durationMs: 3 }))
  expect(await audit.run(['tail', '--limit', '1'], cli.world)).toBe(0)
  const line = '2 2026-03-01T12:00:00.000Z k7w2m9xq4t3b finished token:abcd get_system_status on local'
  expect(cli.out).toBe(`${line}: done, a\\u{1b}[2Jb, 3 ms\n`)
})

test('export prints the lines as they stand, all or the last', async () => {
  using cli = new CliWorld()
  for (let index = 0; index < 3; index++) await cli.state.audit.append(record())
  await audit.run(['export'], cli.world)
  expect(cli.out.trim().split('\n')).toEqual([...cli.state.audit.lines()])
  cli.out = ''
  await audit.run(['export', '--limit', '2'], cli.world)
  expect(cli.out.trim().split('\n')).toEqual([...cli.state.audit.lines()].slice(1))
})

test('wrong usage is exit 2', async () => {
  using cli = new CliWorld()
  for (const args of [[], ['show'], ['tail', '--limit', 'many']]) {
    expect(await audit.run(args, cli.world)).toBe(2)
  }
})

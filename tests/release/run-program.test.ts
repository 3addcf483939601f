import { expect, test } from 'bun:test'
import { systemClock } from '../../src/lib/clock.ts'
import { runProgram } from '../../src/release/run-program.ts'

const run = (env: Record<string, string>, ...argv: [string, ...string[]]) =>
  runProgram({ argv, env, withinMs: 10_000, clock: systemClock })

test('a program that does not exist is an end without a code, and nothing is left to be rejected', async () => {
  expect(await run({ PATH: '/nowhere' }, 'systemctl', 'show')).toMatchObject({
    code: undefined,
    stdout: '',
    stderr: expect.stringMatching(/ENOENT|not found/),
    timedOut: false,
  })
})

test('a program tells its end and what it said', async () => {
  expect(await run({ PATH: '/usr/bin:/bin' }, 'sh', '-c', 'echo out; echo err >&2; exit 3')).toEqual({
    code: 3,
    stdout: 'out\n',
    stderr: 'err\n',
    timedOut: false,
  })
})

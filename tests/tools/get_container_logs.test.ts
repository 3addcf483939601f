import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Context } from '../../src/core/context.ts'
import getContainerLogs from '../../src/tools/get_container_logs.ts'
import { canStartEngines, type DockerEngine, engineContext, startEngine } from '../support/docker-engine.ts'
import { replayContext } from '../support/shell-context.ts'

const logs = (input: object, context: Context) => getContainerLogs.run(getContainerLogs.input.parse(input), context)

describe.skipIf(!canStartEngines)('logs of containers of a real engine', () => {
  let engine: DockerEngine
  let context: Context
  beforeAll(async () => {
    engine = await startEngine()
    context = engineContext(engine)
    const said = 'for i in 1 2 3 4 5; do echo out $i; done; echo err >&2'
    engine.docker('run', '--name', 'web', 'tiny:1', 'sh', '-c', said)
    engine.docker('run', '--name', 'quiet', 'tiny:1', 'true')
    engine.run('loud', [], ['sh', '-c', 'yes "$(printf "%2000s" x)" | head -n 1000'])
    engine.docker('wait', 'loud')
    engine.docker('run', '--name', 'away', '--log-driver=none', 'tiny:1', 'echo', 'x')
  }, 60_000)
  afterAll(async () => {
    await engine.stop()
  }, 60_000)

  test('have stdout and stderr apart', async () => {
    expect(await logs({ container: 'web' }, context)).toEqual({
      stdout: 'out 1\nout 2\nout 3\nout 4\nout 5',
      stderr: 'err',
    })
  })

  test('have so many lines as were asked for', async () => {
    const { stdout, stderr } = await logs({ container: 'web', tail: 2 }, context)
    const lines = [stdout, stderr].flatMap((text) => text?.split('\n') ?? [])
    expect(lines.length).toBe(2)
  })

  test('begin when asked for', async () => {
    expect((await logs({ container: 'web', since: '10m' }, context)).stderr).toBe('err')
    expect(await logs({ container: 'web', since: '2099-01-01' }, context)).toEqual({ note: 'no lines' })
    expect((await logs({ container: 'web', since: '2020-01-01 08:00' }, context)).stderr).toBe('err')
    expect(await logs({ container: 'quiet' }, context)).toEqual({ note: 'no lines' })
    await expect(logs({ container: 'web', since: '2026-99-99' }, context)).rejects.toMatchObject({
      code: 'invalid_input',
    })
  })

  test('that are too long are cut, and say so', async () => {
    const { stdout = '', note } = await logs({ container: 'loud', tail: 1000 }, context)
    expect(stdout.length).toBeLessThanOrEqual(1024 * 1024)
    expect(note).toContain('ask for fewer')
  })

  test('that went elsewhere are an error', async () => {
    await expect(logs({ container: 'away' }, context)).rejects.toMatchObject({
      code: 'operation_failed',
      message: expect.stringContaining('does not support reading'),
    })
  })

  test('of a name that is not there name one that is near', async () => {
    await expect(logs({ container: 'wbe' }, context)).rejects.toMatchObject({
      code: 'not_found',
      hint: 'did you mean web?',
    })
  })
})

test('lines of a terminal end as all others', async () => {
  expect(await logs({ container: 'tty' }, replayContext('one\r\ntwo\r\n'))).toEqual({ stdout: 'one\ntwo' })
})

test.each(['../images', 'a/b', '-f', 'a b', 'web\n', ''])('%p is no name of a container', (container) => {
  expect(getContainerLogs.input.safeParse({ container }).success).toBe(false)
})

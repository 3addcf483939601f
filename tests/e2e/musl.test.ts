import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import { buildFor, converse, type ForeignExecutable, foreignEnv } from '../support/foreign-executable.ts'
import { canEnterMusl, inMuslRoot, makeMuslRoot } from '../support/musl-root.ts'

setDefaultTimeout(60_000)

describe.skipIf(!canEnterMusl)('the musl executable', () => {
  let built: ForeignExecutable

  beforeAll(() => {
    built = buildFor('bun-linux-x64-musl')
    makeMuslRoot(built.dir)
  })
  afterAll(() => built.remove())

  const env = foreignEnv('/')

  test('runs where there is no glibc', () => {
    expect(readFileSync(built.binary).includes('/lib/ld-musl-x86_64.so.1\0')).toBe(true)
    const [command, ...args] = inMuslRoot(built.dir, '/tailops', 'version')
    expect(execFileSync(command, args, { env, encoding: 'utf8' })).toContain(`tailops ${manifest.version}`)
  })

  test('answers initialize, lists its tools, reads its machine and keeps its audit log', async () => {
    const [command, ...args] = inMuslRoot(built.dir, '/tailops', 'serve', '--stdio')
    const { version, tools, status } = await converse(command, args, env)
    expect(version).toBe(manifest.version)
    expect(tools).toContain('get_system_status')
    expect(status).toHaveProperty('mem_total_mib')
    const records = readFileSync(join(built.dir, 'state', 'audit.jsonl'), 'utf8')
      .trim()
      .split('\n')
    expect(JSON.parse(records.at(-1) ?? '')).toMatchObject({ tool: 'get_system_status', result: 'done' })
  })
})

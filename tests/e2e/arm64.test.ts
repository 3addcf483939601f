import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import { buildFor, converse, type ForeignExecutable, foreignEnv } from '../support/foreign-executable.ts'

/** Run by qemu with the libraries of Debian's cross packages. */
const qemu = 'qemu-aarch64-static'
const libraries = '/usr/aarch64-linux-gnu'
const canEmulate = spawnSync(qemu, ['--version']).error === undefined && existsSync(join(libraries, 'lib/libc.so.6'))

setDefaultTimeout(90_000)

describe.skipIf(!canEmulate)('the arm64 executable', () => {
  let built: ForeignExecutable

  beforeAll(() => {
    built = buildFor('bun-linux-arm64')
  })
  afterAll(() => built.remove())

  const argv = (...args: readonly string[]) => ['-L', libraries, built.binary, ...args]

  test('is one for arm64 and says its version', () => {
    const machine = readFileSync(built.binary).readUInt16LE(18) // e_machine of elf(5)
    expect(machine).toBe(183) // EM_AARCH64
    const said = execFileSync(qemu, argv('version'), { env: foreignEnv(built.dir), encoding: 'utf8' })
    expect(said).toContain(`tailops ${manifest.version}`)
  })

  test('answers initialize, lists its tools, reads its machine and keeps its audit log', async () => {
    const { version, tools, status } = await converse(qemu, argv('serve', '--stdio'), foreignEnv(built.dir))
    expect(version).toBe(manifest.version)
    expect(tools).toContain('get_system_status')
    expect(status).toHaveProperty('mem_total_mib')
    const records = readFileSync(join(built.dir, 'state', 'audit.jsonl'), 'utf8')
      .trim()
      .split('\n')
    expect(JSON.parse(records.at(-1) ?? '')).toMatchObject({ tool: 'get_system_status', result: 'done' })
  })
})

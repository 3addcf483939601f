import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import manifest from '../../package.json' with { type: 'json' }

/** The executable for arm64, as the release builds it, run by qemu with the libraries of Debian's cross packages. */
const qemu = 'qemu-aarch64-static'
const libraries = '/usr/aarch64-linux-gnu'
const canEmulate = spawnSync(qemu, ['--version']).error === undefined && existsSync(join(libraries, 'lib/libc.so.6'))

setDefaultTimeout(60_000)

describe.skipIf(!canEmulate)('the arm64 executable', () => {
  let dir = ''
  let binary = ''
  let env: Record<string, string> = {}

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tailops-arm64-'))
    binary = join(dir, 'tailops')
    const build = ['.ci/build', '--force', 'src/main.ts', binary, '--target=bun-linux-arm64']
    execFileSync('sh', build, { cwd: join(import.meta.dirname, '../..'), stdio: 'pipe' })
    const config = join(dir, 'targets.yaml')
    writeFileSync(config, 'version: "1.0"\ntargets:\n  local: { executor: local, capabilities: [system:read] }\n')
    env = {
      TAILOPS_CONFIG: config,
      TAILOPS_STATE_DIR: join(dir, 'state'),
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: dir,
    }
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  const argv = (...args: readonly string[]) => ['-L', libraries, binary, ...args]

  test('is one for arm64 and says its version', () => {
    const machineAt = 18 // e_machine of elf(5)
    expect(readFileSync(binary).readUInt16LE(machineAt)).toBe(183) // EM_AARCH64
    expect(execFileSync(qemu, argv('version'), { env, encoding: 'utf8' })).toContain(`tailops ${manifest.version}`)
    execFileSync(qemu, argv('validate-config'), { env, stdio: 'pipe' })
  })

  test('answers initialize, lists its tools, reads its machine and keeps its audit log', async () => {
    const client = new Client({ name: 'test', version: '0' })
    const transport = new StdioClientTransport({ command: qemu, args: argv('serve', '--stdio'), env, stderr: 'pipe' })
    try {
      await client.connect(transport)
      expect(client.getServerVersion()).toMatchObject({ name: 'tailops', version: manifest.version })
      const { tools } = await client.listTools()
      expect(tools.map(({ name }) => name)).toContain('get_system_status')
      const { content, isError } = await client.callTool({ name: 'get_system_status', arguments: { format: 'json' } })
      expect(isError).toBeUndefined()
      const [answer] = content
      expect(JSON.parse(answer?.type === 'text' ? answer.text : '')).toHaveProperty('mem_total_mib')
    } finally {
      await client.close()
    }
    const records = readFileSync(join(dir, 'state', 'audit.jsonl'), 'utf8')
      .trim()
      .split('\n')
    expect(JSON.parse(records.at(-1) ?? '')).toMatchObject({ tool: 'get_system_status', result: 'done' })
  })
})

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { defaultTargetsYaml } from '../../src/config/default.ts'
import { loadTargets, parseTargets } from '../../src/config/load.ts'
import { problemLine } from '../../src/config/problem.ts'
import type { TargetsConfig } from '../../src/config/targets-config.ts'
import type { Connection } from '../../src/core/connection.ts'

const folder = mkdtempSync(join(tmpdir(), 'tailops-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const sample = (name: string): string => join(import.meta.dir, 'samples', name)

const env = {
  HOME: '/home/op',
  SSH_KEY_WEB_SERVER_01: '/keys/web',
  SSH_KEY_WEB_1: '/keys/web-1',
  GRAFANA_TOKEN: '123456',
  PVE_TOKEN: 'pve-secret',
  PORT: '2222',
}

const parse = (text: string, more: Readonly<Record<string, string>> = {}) =>
  parseTargets({
    file: '/etc/tailops/t.yaml',
    text,
    env: { ...env, ...more },
    readFile: (path) => `content of ${path}\n`,
  })

const head = 'version: "1.0"\ntargets:\n'

function good(text: string, more: Readonly<Record<string, string>> = {}): TargetsConfig {
  const { config, problems } = parse(text, more)
  if (config === undefined) throw new Error(problems.map(problemLine).join('\n'))
  return config
}

function connectionOf(config: TargetsConfig, id: string): Connection {
  const target = config.targets.find((each) => each.id === id)
  if (target === undefined) throw new Error(`no target ${id}`)
  return target.connection
}

describe('the example of the manual', () => {
  const { config, problems } = loadTargets(sample('example.yaml'), env)

  test('loads without an error, every key known', () => {
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(problems.filter(({ what }) => /unknown key|not used/.test(what))).toEqual([])
    expect(config?.targets.map(({ id, kind }) => `${id} ${kind}`)).toEqual([
      'local local',
      'local/docker docker',
      'web-server-01 ssh',
      'web-server-01/docker docker',
      'docker-host-01 docker',
      'grafana http',
      'home proxmox',
    ])
  })

  test('keeps constraints, tags and segments', () => {
    const web = config?.targets.find(({ id }) => id === 'web-server-01')
    expect(web?.constraints.timeoutMs).toBe(60_000)
    expect(web?.constraints.commands).toEqual([{ program: 'journalctl', args: ['-u', '^[a-z-]+$'] }])
    expect(web?.tags).toEqual(['web', 'production'])
    expect(web?.segment).toBe('production-a')
  })

  test('shows no secret when it is printed or serialised', () => {
    const shown = `${JSON.stringify(config)}${inspect(config, { depth: 20 })}`
    expect(shown).not.toContain('pve-secret')
    expect(shown).not.toContain('123456')
    expect(shown).toContain('[redacted]')
  })
})

describe('other forms', () => {
  test('an older file loads, its dead keys named once each', () => {
    const { config, problems } = loadTargets(sample('old.yaml'), env)
    expect(config?.targets.map(({ id }) => id)).toEqual(['local', 'web-1', 'web-1/docker', 'dock-1'])
    expect(problems.every(({ severity }) => severity === 'warning')).toBe(true)
    expect(problems.filter(({ what }) => what.endsWith('is not used')).length).toBeGreaterThan(20)
  })

  test('only the executor is required', () => {
    for (const kind of ['local', 'ssh', 'docker', 'http', 'proxmox']) {
      expect(good(`${head}  a: { executor: ${kind} }`).targets.map(({ id }) => id)).toEqual(['a'])
    }
  })

  test('JSON is accepted, also indented with tabs', () => {
    const text = JSON.stringify({ version: '1.0', targets: { a: { executor: 'local' } } }, undefined, '\t')
    expect(good(text).targets.map(({ id }) => id)).toEqual(['a'])
    expect(parse(text).problems).toEqual([])
  })

  test('anchors and merge keys are followed', () => {
    const text = `version: "1.0"\ntargets:\n  a: &a\n    executor: ssh\n    capabilities: [system:read]\n  b:\n    <<: *a\n    metadata: { tags: [x] }\n`
    const config = good(text)
    expect(config.targets.map(({ capabilities }) => capabilities)).toEqual([['system:read'], ['system:read']])
    expect(config.targets[1]?.tags).toEqual(['x'])
  })

  test('old capability names and bundles are expanded', () => {
    const words = (list: string) =>
      good(`${head}  a: { executor: docker, capabilities: [${list}] }`).targets[0]?.capabilities
    expect(words('container:write, docker:admin')).toEqual(['container:admin', 'container:control'])
    expect(words('readonly')).toContain('system:read')
    expect(words('readonly')).not.toContain('system:admin')
    expect(words('admin')).toContain('guest:exec')
  })

  test('the file of a first start loads clean and reads only', () => {
    const { config, problems } = parse(defaultTargetsYaml())
    expect(problems).toEqual([])
    expect(config?.targets.map(({ id, capabilities }) => [id, capabilities])).toEqual([
      ['local', ['file:read', 'network:read', 'system:read']],
    ])
  })

  test('a file of this machine is read, and a missing one, a folder and a large one are problems', () => {
    const file = join(folder, 't.yaml')
    writeFileSync(file, defaultTargetsYaml())
    expect(loadTargets(file, env).config?.targets.length).toBe(1)
    expect(loadTargets(join(folder, 'no.yaml'), env).problems[0]?.what).toContain('no such file')
    expect(loadTargets(folder, env).problems[0]?.what).toContain('not a regular file')
    writeFileSync(file, 'x'.repeat(2_000_000))
    expect(loadTargets(file, env).problems[0]?.what).toContain('larger than 1 MiB')
  })
})

describe('references', () => {
  const host = (value: string, more: Readonly<Record<string, string>> = {}) => {
    const connection = connectionOf(good(`${head}  a: { executor: ssh, connection: { host: "${value}" } }`, more), 'a')
    return connection.kind === 'ssh' ? connection.host : undefined
  }

  test('a variable, a default and an escaped reference', () => {
    expect(host('$' + '{NAME}.lan', { NAME: 'web' })).toBe('web.lan')
    expect(host('$' + '{NAME:-db}.lan')).toBe('db.lan')
    expect(host('$' + '{NAME:-db}.lan', { NAME: '' })).toBe('db.lan')
    expect(host('$$' + '{NAME}')).toBe('$' + '{NAME}')
  })

  test('file:/path is the content of the file, without its last line break', () => {
    const connection = connectionOf(
      good(`${head}  a: { executor: ssh, connection: { password: "file:/run/pw" } }`),
      'a',
    )
    expect(connection.kind === 'ssh' ? connection.password?.reveal() : undefined).toBe('content of /run/pw')
  })

  test('a variable fits where a number is wanted, and stays text where text is wanted', () => {
    const text = `${head}  a: { executor: ssh, connection: { port: "$${'{PORT}'}", password: "$${'{PORT}'}" } }`
    const connection = connectionOf(good(text.replaceAll('$$', '$')), 'a')
    expect(connection).toMatchObject({ kind: 'ssh', port: 2222 })
    expect(connection.kind === 'ssh' ? connection.password?.reveal() : undefined).toBe('2222')
  })

  test('paths count from the folder of the file, or from home', () => {
    const text = `${head}  a: { executor: ssh, connection: { key_path: ~/.ssh/id, known_hosts: known } }`
    expect(connectionOf(good(text), 'a')).toMatchObject({
      keyPath: '/home/op/.ssh/id',
      knownHosts: '/etc/tailops/known',
    })
  })
})

describe('derived Docker targets', () => {
  test('a machine that grants no container capability yields none', () => {
    expect(good(`${head}  a: { executor: ssh, capabilities: [system:read, stack:read] }`).targets).toHaveLength(1)
  })

  test('a declared target of that id wins', () => {
    const config = good(
      `${head}  a: { executor: ssh, capabilities: [container:read] }\n  a/docker: { executor: docker, connection: { via: a, socket_path: /run/user/1/docker.sock } }`,
    )
    expect(config.targets.map(({ id }) => id)).toEqual(['a', 'a/docker'])
    expect(connectionOf(config, 'a/docker')).toMatchObject({ via: 'a', socketPath: '/run/user/1/docker.sock' })
  })
})

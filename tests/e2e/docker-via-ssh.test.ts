import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { headersOf, rpc, send } from '../security/requests.ts'
import { canStartEngines, type DockerEngine, startEngine } from '../support/docker-engine.ts'
import { type Installed, install, type Served } from '../support/installed.ts'
import { approveAtTerminal } from '../support/person.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'

// A test that takes too long would end the processes of all others.
setDefaultTimeout(60_000)

describe.skipIf(!canStartEngines)('the engine of an ssh target', () => {
  let engine: DockerEngine
  let sshd: Sshd
  let place: Installed
  let served: Served
  let token = ''
  beforeAll(async () => {
    ;[engine, sshd] = await Promise.all([startEngine(), startSshd()])
    engine.run('app', ['--network=none'], ['sleep', '100000'])
    const { port, keyPath, fingerprint } = sshd
    place = install(() =>
      [
        'version: "1.0"',
        'targets:',
        `  web: { executor: ssh, connection: { host: 127.0.0.1, port: ${port}, username: root, key_path: ${keyPath}, host_key: "${fingerprint}" }, capabilities: [system:read] }`,
        `  web/docker: { executor: docker, connection: { via: web, socket_path: ${engine.connection.socketPath} }, capabilities: [container:read, container:control] }`,
        `  alias: { executor: ssh, connection: { host: 127.0.0.1, port: ${port}, username: root, key_path: ${keyPath}, host_key: "${fingerprint}" }, capabilities: [container:read] }`,
        '',
      ].join('\n'),
    )
    served = await place.serve('Bun')
    token = place.mint('admin')
  })
  afterAll(async () => {
    await place.remove()
    await sshd.stop()
    await engine.stop()
  })

  async function ask(tool: string, args: object) {
    const { text } = await send(served.url, rpc('tools/call', { name: tool, arguments: args }), headersOf(token))
    const said: string = JSON.parse(text).result.content[0].text
    return JSON.parse(said)
  }

  test('is asked over the connection of its machine', async () => {
    const list = await ask('get_container_list', { targets: ['web/docker'], format: 'json' })
    expect(list.containers).toMatchObject([{ name: 'app', state: 'running' }])
    expect(await ask('get_system_status', { targets: ['web'], format: 'json' })).toHaveProperty('hostname')
    // One for this machine; discovery looks at the other one by itself, over one more.
    const logins = readFileSync(join(sshd.dir, 'log'), 'utf8').match(/Accepted publickey/g) ?? []
    expect([1, 2]).toContain(logins.length)
  })

  test('is changed as a person approves', async () => {
    const stop = { container: 'app', action: 'stop', timeout_s: 0, targets: ['web/docker'] }
    const wanted = await ask('manage_container', stop)
    expect(wanted).toMatchObject({ status: 'approval_required', targets: [{ target: 'web/docker' }] })
    await approveAtTerminal(place, wanted.approval)
    expect(await ask('manage_container', { ...stop, approval: wanted.approval })).toMatchObject({ status: 'done' })
    expect(engine.docker('inspect', '--format', '{{.State.Running}}', 'app').trim()).toBe('false')
  })

  test('is there without being declared where containers are granted', async () => {
    const { targets } = await ask('list_targets', { format: 'json' })
    const ids = targets.map(({ id }: { readonly id: string }) => id)
    expect(ids).toContain('alias/docker')
  })
})

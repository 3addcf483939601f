import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { headersOf, rpc, send } from '../security/requests.ts'
import { type Installed, install, type Served } from '../support/installed.ts'
import { approveAtTerminal } from '../support/person.ts'
import { freePort, type Sshd, startSshd } from '../support/sshd.ts'

// A test that takes too long would end the processes of all others.
setDefaultTimeout(60_000)

/** Two real sshd; the second is also reached through the first, and under eighteen more names. */
let first: Sshd
let second: Sshd
let hanging: Server
let place: Installed
let served: Served
let token = ''

const names = Array.from({ length: 18 }, (_, at) => `web-${String(at + 1).padStart(2, '0')}`)

beforeAll(async () => {
  ;[first, second] = await Promise.all([startSshd(), startSshd()])
  // Takes connections and says nothing.
  hanging = createServer(() => undefined).listen(0, '127.0.0.1')
  const silent = hanging.address()
  const refused = await freePort()
  const ssh = (port: number, keyPath: string, more: string) =>
    `{ executor: ssh, connection: { host: 127.0.0.1, port: ${port}, username: root, key_path: ${keyPath}, ${more} }, capabilities: [system:read, network:read, file:read, file:write], constraints: { timeout: 8, file_roots: [@files] }, metadata: { tags: [@tag] } }`
  const hosts = names.map(
    (name) =>
      `  ${name}: ${ssh(second.port, second.keyPath, `host_key: "${second.fingerprint}"`).replace('@tag', 'web')}`,
  )
  place = install((files) =>
    [
      'version: "1.0"',
      'targets:',
      '  local: { executor: local, capabilities: [system:read] }',
      `  bastion: ${ssh(first.port, first.keyPath, `host_key: "${first.fingerprint}"`).replace('@tag', 'jump')}`,
      `  behind: ${ssh(second.port, second.keyPath, `host_key: "${second.fingerprint}", jump: bastion`).replace('@tag', 'jump')}`,
      `  trusting: ${ssh(second.port, second.keyPath, 'accept_new: true').replace('@tag', 'single')}`,
      `  changed: ${ssh(second.port, second.keyPath, `host_key: "${first.fingerprint}"`).replace('@tag', 'single')}`,
      `  refused: ${ssh(refused, second.keyPath, `host_key: "${second.fingerprint}"`).replace('@tag', 'web')}`,
      `  silent: ${ssh(typeof silent === 'object' && silent !== null ? silent.port : 0, second.keyPath, `host_key: "${second.fingerprint}"`).replace('@tag', 'web')}`,
      ...hosts,
      '',
    ]
      .join('\n')
      .replaceAll('@files', files),
  )
  served = await place.serve()
  token = place.mint('admin')
})
afterAll(async () => {
  await place.remove()
  hanging.close()
  await Promise.all([first.stop(), second.stop()])
})

async function ask(tool: string, args: object): Promise<string> {
  const { text } = await send(served.url, rpc('tools/call', { name: tool, arguments: args }), headersOf(token))
  return JSON.parse(text).result.content[0].text
}

const asked = async (tool: string, args: object) => JSON.parse(await ask(tool, { ...args, format: 'json' }))

describe('the same tools on another machine', () => {
  const reads: readonly (readonly [string, object])[] = [
    ['get_system_status', {}],
    ['get_top_processes', { limit: 3 }],
    ['get_network_status', {}],
    ['get_network_io_counters', {}],
    ['get_active_connections', { kind: 'listening' }],
    ['health_check', {}],
    ['check_system_updates', { limit: 1 }],
  ]
  test.each(reads)('%s answers over ssh in the shape of the local answer', async (tool, args) => {
    const [local, remote] = [
      await asked(tool, { ...args, targets: ['bastion'] }),
      await asked(tool, { ...args, targets: ['behind'] }),
    ]
    expect(remote.error).toBeUndefined()
    // Shown only where there is any: two moments of one machine may differ in it.
    const shape = (answer: object) => Object.keys(answer).filter((key) => !/^(iowait|steal)_percent$/.test(key))
    expect(shape(remote).sort()).toEqual(shape(local).sort())
  })

  test('through a jump host, and pinned on first contact', async () => {
    expect(await asked('get_system_status', { targets: ['behind'] })).toHaveProperty('hostname')
    expect(await asked('get_system_status', { targets: ['trusting'] })).toHaveProperty('hostname')
    expect(await asked('get_system_status', { targets: ['trusting'] })).toHaveProperty('hostname')
  })

  test('a host key that is not the expected one is refused with both', async () => {
    const refused = await asked('get_system_status', { targets: ['changed'] })
    expect(JSON.stringify(refused)).toContain(first.fingerprint)
    expect(JSON.stringify(refused)).toContain(second.fingerprint)
  })

  test('a change over ssh: plan, approval by a person, effect', async () => {
    const path = `${place.files}/remote.conf`
    writeFileSync(path, 'a = 1\n')
    const change = { path, content: 'a = 2\n', targets: ['behind'] }
    const wanted = JSON.parse(await ask('write_file', change))
    expect(wanted).toMatchObject({ status: 'approval_required', targets: [{ target: 'behind' }] })
    await approveAtTerminal(place, wanted.approval)
    expect(JSON.parse(await ask('write_file', { ...change, approval: wanted.approval }))).toMatchObject({
      status: 'done',
    })
    expect(readFileSync(path, 'utf8')).toBe('a = 2\n')
  })
})

describe('one call to many', () => {
  test('twenty, of which one refuses and one hangs: all are named within the limit, what agrees is told once', async () => {
    writeFileSync(`${place.files}/same.txt`, 'the same everywhere\n')
    const text = await ask('file_operations', { action: 'info', path: `${place.files}/same.txt`, targets: ['tag:web'] })
    expect(text).toContain('20: 18 answered, 2 failed')
    expect(text).toContain('18 of 20: ')
    for (const name of [...names, 'refused', 'silent']) expect(text).toContain(name)
    expect(text.match(/same\.txt/g)).toHaveLength(1)
    expect(countTokens(text)).toBeLessThanOrEqual(400)
  })

  test('a target that hangs delays nobody else: the audit has the end of each call', async () => {
    const began = performance.now()
    expect(await asked('get_system_status', { targets: ['web-01'] })).toHaveProperty('hostname')
    expect(performance.now() - began).toBeLessThan(8000)
  })

  test('a change on many is one plan, one approval, and each is reported', async () => {
    const path = `${place.files}/fleet.conf`
    const change = { path, content: 'b = 1\n', create: true, targets: ['bastion', 'behind'] }
    const wanted = JSON.parse(await ask('write_file', change))
    expect(wanted.targets.map(({ target }: { target: string }) => target)).toEqual(['bastion', 'behind'])
    const terminal = await approveAtTerminal(place, wanted.approval)
    for (const target of ['bastion', 'behind']) expect(terminal).toContain(`On ${target}`)
    // Both names are one machine here: the second finds what the first has made, and says so.
    const done = JSON.parse(await ask('write_file', { ...change, approval: wanted.approval }))
    expect(['done', 'partial', 'failed']).toContain(done.status)
    expect(done.targets).toHaveLength(2)
    expect(readFileSync(path, 'utf8')).toBe('b = 1\n')
  })
})

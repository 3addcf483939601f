import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { headersOf, rpc, send } from '../security/requests.ts'
import { eventually } from '../support/eventually.ts'
import { type Installed, install, type Served } from '../support/installed.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'

// A test that takes too long would end the processes of all others.
setDefaultTimeout(60_000)

/** With a `sleep` that lasts as long as there is a file `hold`. */
let bin = ''
let bastion: Sshd
let web: Sshd
let place: Installed
let served: Served
let token = ''

/** A target as a line of targets.yaml. */
const target = (name: string, { port, keyPath, fingerprint }: Sshd, more = ''): string =>
  `  ${name}: { executor: ssh, connection: { host: 127.0.0.1, port: ${port}, username: root, key_path: ${keyPath}, host_key: "${fingerprint}"${more} }, capabilities: [system:read, network:read] }`
const configOf = (...targets: readonly string[]): string => ['version: "1.0"', 'targets:', ...targets, ''].join('\n')

beforeAll(async () => {
  bin = mkdtempSync(join(tmpdir(), 'tailops-bin-'))
  writeFileSync(
    join(bin, 'sleep'),
    '#!/bin/sh\nwhile [ -e "$HOME/hold" ]; do /bin/sleep 0.05; done; exec /bin/sleep "$@"\n',
    { mode: 0o755 },
  )
  ;[bastion, web] = await Promise.all([startSshd(), startSshd([], { PATH: `${bin}:/usr/bin:/bin` })])
  place = install(() => configOf(target('web', web)))
  served = await place.serve('Bun')
  token = place.mint('admin')
})
afterAll(async () => {
  await place.remove()
  await Promise.all([bastion.stop(), web.stop()])
  rmSync(bin, { recursive: true })
})

const logOf = ({ dir }: Sshd): string => readFileSync(join(dir, 'log'), 'utf8')
const logins = (sshd: Sshd): number => logOf(sshd).split('Accepted publickey').length - 1
const goodbyes = (sshd: Sshd): number => logOf(sshd).split('Disconnected from user').length - 1
const sessions = (sshd: Sshd): number => logOf(sshd).split('Starting session').length - 1

async function ask(tool: string, args: object) {
  const { text } = await send(served.url, rpc('tools/call', { name: tool, arguments: args }), headersOf(token))
  return JSON.parse(JSON.parse(text).result.content[0].text)
}
const statusOf = (name: string) => ask('get_system_status', { targets: [name], format: 'json' })

async function reload(...targets: readonly string[]): Promise<void> {
  const reloads = () => served.log().split('configuration reloaded').length
  const before = reloads()
  writeFileSync(place.config, configOf(...targets))
  served.process.kill('SIGHUP')
  await eventually(() => reloads() > before, 'the configuration was reloaded')
}

describe('a connection over a reload', () => {
  let before = { logins: 0, goodbyes: 0 }
  beforeEach(async () => {
    await reload(target('web', web))
    expect(await statusOf('web')).toHaveProperty('hostname')
    await eventually(() => logins(web) - goodbyes(web) === 1, 'there is one connection')
    before = { logins: logins(web), goodbyes: goodbyes(web) }
  })
  const now = () => ({ logins: logins(web), goodbyes: goodbyes(web) })

  test('is kept while its target is the same, whatever happens to others', async () => {
    await reload(target('web', web), target('other', bastion))
    expect(await statusOf('web')).toHaveProperty('hostname')
    expect(await statusOf('other')).toHaveProperty('hostname')
    await reload(target('web', web))
    await eventually(() => goodbyes(bastion) === logins(bastion), 'the other one is closed')
    expect(await statusOf('web')).toHaveProperty('hostname')
    expect(now()).toEqual(before)
  })

  test('is kept unused over reload after reload', async () => {
    await reload(target('web', web))
    await reload(target('web', web))
    expect(await statusOf('web')).toHaveProperty('hostname')
    expect(now()).toEqual(before)
  })

  test('is another one when its target is reached in another way', async () => {
    await reload(target('web', web, ', timeout: 9'))
    await eventually(() => goodbyes(web) === before.goodbyes + 1, 'the old one is closed')
    expect(await statusOf('web')).toHaveProperty('hostname')
    expect(logins(web)).toBe(before.logins + 1)
  })

  test('is closed when its target is gone', async () => {
    await reload(target('other', bastion))
    await eventually(() => goodbyes(web) === before.goodbyes + 1, 'it is closed')
    expect(await statusOf('web')).toMatchObject({ error: 'unknown_target' })
  })

  test('stays until the calls on it have ended', async () => {
    const begun = sessions(web)
    const hold = join(web.dir, 'hold')
    writeFileSync(hold, '')
    const answer = statusOf('web')
    await eventually(() => sessions(web) > begun, 'the call is there')
    await reload(target('other', bastion))
    expect(goodbyes(web)).toBe(before.goodbyes)
    rmSync(hold)
    expect(await answer).toHaveProperty('hostname')
    await eventually(() => goodbyes(web) === before.goodbyes + 1, 'it is closed')
  })

  test('through another target is kept with that, and is another one when that is', async () => {
    const behind = target('web', web, ', jump: bastion')
    await reload(target('bastion', bastion), behind)
    expect(await statusOf('web')).toHaveProperty('hostname')
    await eventually(() => goodbyes(web) === before.goodbyes + 1, 'the direct one is closed')
    const there = logins(bastion)
    await reload(target('bastion', bastion), behind)
    expect(await statusOf('web')).toHaveProperty('hostname')
    expect([logins(bastion), logins(web)]).toEqual([there, before.logins + 1])
    await reload(target('bastion', bastion, ', timeout: 9'), behind)
    expect(await statusOf('web')).toHaveProperty('hostname')
    expect([logins(bastion), logins(web)]).toEqual([there + 1, before.logins + 2])
  })
})

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { headersOf, rpc, send } from '../security/requests.ts'
import { eventually } from '../support/eventually.ts'
import { type Installed, install, runtimes, type Served } from '../support/installed.ts'

setDefaultTimeout(30_000)

const [command, main] = runtimes.Bun
let place: Installed
let served: Served
let anchors = ''
beforeAll(async () => {
  place = install()
  anchors = join(place.dir, 'anchors')
  served = await place.serve('Bun', { TAILOPS_AUDIT_ANCHOR: `${anchors},journal` })
})
afterAll(() => place.remove())

const tailops = (...args: readonly string[]): string =>
  execFileSync(command, [main, ...args], { env: place.env, encoding: 'utf8' })

/** As somebody elsewhere, with the program but without the gateway's state. */
const elsewhere = (...args: readonly string[]) => {
  const env = { ...place.env, TAILOPS_STATE_DIR: join(place.dir, 'nowhere'), TAILOPS_CONFIG: '/nonexistent' }
  const { status, stdout, stderr } = spawnSync(command, [main, ...args], { env, encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}

test('a third party finds what was cut off, with an export, the anchors and the public key alone', async () => {
  const token = tailops('token', 'mint', '--name=test', '--scopes=system:read').trim()
  for (let times = 0; times < 3; times++)
    await send(served.url, rpc('tools/call', { name: 'get_system_status' }), headersOf(token))
  await served.stop()
  await eventually(() => served.log().includes('audit_anchor'), 'the journal has the head')
  const key = JSON.parse(tailops('audit', 'head')).public_key
  const whole = join(place.dir, 'whole.jsonl')
  writeFileSync(whole, tailops('audit', 'export'))
  const redacted = join(place.dir, 'redacted.jsonl')
  writeFileSync(redacted, tailops('audit', 'export', '--redact'))

  const check = (file: string) => elsewhere('audit', 'verify', '--offline', file, '--key', key, '--anchor', anchors)
  expect(check(whole)).toMatchObject({ status: 0, text: expect.stringMatching(/ (\d) records \(1 to \1\)/) })
  expect(check(redacted)).toMatchObject({
    status: 0,
    text: expect.stringMatching(/ (\d) redacted records \(1 to \1\); signed as complete at/),
  })
  const [first = ''] = readFileSync(whole, 'utf8').split('\n')
  writeFileSync(whole, `${first}\n`)
  expect(check(whole)).toMatchObject({ status: 1, text: expect.stringContaining('its end was cut off') })

  const log = `${place.env['TAILOPS_STATE_DIR']}/audit.jsonl`
  writeFileSync(log, `${first}\n`)
  expect(tailops('audit', 'verify')).toContain('the audit log holds: 1 records')
  const own = spawnSync(command, [main, 'audit', 'verify', '--anchor', anchors], { env: place.env, encoding: 'utf8' })
  expect([own.status, own.stderr]).toEqual([1, expect.stringContaining('its end was cut off')])
})

test('wrong places for anchors stop the start', () => {
  const env = { ...place.env, TAILOPS_AUDIT_ANCHOR: 'relative/path' }
  const { status, stderr } = spawnSync(command, [main, 'audit', 'head'], { env, encoding: 'utf8' })
  expect([status, stderr]).toEqual([78, expect.stringContaining('TAILOPS_AUDIT_ANCHOR')])
})

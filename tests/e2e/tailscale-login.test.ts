import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { headersOf, initialize, rpc, send } from '../security/requests.ts'
import { type Installed, install, runtimes, type Served } from '../support/installed.ts'
import { openTailscaled, type Tailscaled } from '../support/tailscaled.ts'

setDefaultTimeout(30_000)

const laptop = '100.64.0.7'
const phone = '100.64.0.8'
const names = ['Bun', 'Node 22'] as const

let place: Installed
let tailscaled: Tailscaled
const served = new Map<string, Served>()
beforeAll(async () => {
  place = install()
  chmodSync(place.dir, 0o755)
  tailscaled = await openTailscaled(join(place.dir, 'tailscaled.sock'))
  const capabilities = { 'example.com/cap/tailops': [{ scopes: ['system:read', 'gateway:read'] }] }
  tailscaled.nodes.set(laptop, { name: 'laptop', login: 'ada@example.org', capabilities })
  tailscaled.nodes.set(phone, { name: 'phone', login: 'bob@example.org' })
  const env = {
    TAILOPS_AUTH_MODE: 'tailscale',
    TAILOPS_TAILSCALE_SOCKET: tailscaled.socketPath,
    TAILOPS_APP_CAPABILITY: 'example.com/cap/tailops',
  }
  for (const name of names) served.set(name, await place.serve(name, env))
})
afterAll(async () => {
  await place.remove()
  await tailscaled.stop()
})

const urlOf = (name: string): string => served.get(name)?.url ?? ''

/** A token that would open another door. */
const minted = (): string => {
  const [program, main] = runtimes.Bun
  const args = [main, 'token', 'mint', '--name=test', '--scopes=admin']
  return execFileSync(program, args, { env: place.env, encoding: 'utf8' }).trim()
}

/** What tailscaled adds to a request from this address. */
const behind = (address: string, login?: string) =>
  headersOf(undefined, { 'X-Forwarded-For': address, ...(login !== undefined && { 'Tailscale-User-Login': login }) })

describe.each([...names])('on %s', (name) => {
  test('whoever tailscaled forwards is let in, with what the tailnet grants', async () => {
    const headers = behind(laptop, 'ada@example.org')
    const { status, text } = await send(urlOf(name), rpc('tools/list'), headers)
    expect(status).toBe(200)
    expect(text).toContain('get_system_status')
    const none = await send(urlOf(name), rpc('tools/list'), behind(phone, 'bob@example.org'))
    expect(none.status).toBe(200)
    expect(none.text).not.toContain('get_system_status')
  })

  test('a missing scope is an answer of the policy: logging in anew would not help', async () => {
    const { status, text } = await send(
      urlOf(name),
      rpc('tools/call', { name: 'get_active_connections', arguments: {} }),
      behind(laptop),
    )
    expect(status).toBe(200)
    expect(text).toContain('does not hold the scope network:read')
  })

  test('nobody comes in from the machine itself, with a token or without', async () => {
    for (const headers of [headersOf(undefined), headersOf(minted()), headersOf('x')])
      expect((await send(urlOf(name), rpc('tools/list'), headers)).status).toBe(403)
  })

  // As root we can be somebody else on this machine.
  test.each(process.getuid?.() === 0 ? [65_534] : [])(
    'a program of user %d that writes what tailscaled would write is refused, and audited once',
    (uid) => {
      const forge = `
        const headers = ${JSON.stringify(behind(laptop, 'ada@example.org'))}
        const answer = await fetch('${urlOf(name)}', { method: 'POST', headers, body: '{}' })
        console.log(answer.status)`
      const asOther = () =>
        execFileSync(runtimes['Node 22'][0], ['--input-type=module', '-e', forge], { uid, encoding: 'utf8', cwd: '/' })
      expect([asOther(), asOther()]).toEqual(['403\n', '403\n'])
    },
  )
})

test('what was forged is in the audit log, with the address and the claim', () => {
  const records = readFileSync(`${place.env['TAILOPS_STATE_DIR']}/audit.jsonl`, 'utf8').trim().split('\n')
  const forged = records.filter((line) => line.includes('"event":"forged"'))
  expect(forged).toHaveLength(process.getuid?.() === 0 ? names.length : 0)
  for (const line of forged) {
    expect(line).toContain('"caller":"address:127.0.0.1"')
    expect(line).toContain('claimed to be ada@example.org')
  }
})

test('a session of one is not there for another of the tailnet', async () => {
  const opened = await send(urlOf('Bun'), initialize(), behind(laptop))
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
  const statusFor = async (address: string) =>
    (await send(urlOf('Bun'), rpc('tools/list'), { ...behind(address), ...session })).status
  expect([await statusFor(laptop), await statusFor(phone)]).toEqual([200, 404])
})

test('only loopback and addresses of the tailnet are listened on', async () => {
  const env = { TAILOPS_AUTH_MODE: 'tailscale', TAILOPS_LISTEN: '0.0.0.0:0' }
  await expect(place.serve('Bun', env)).rejects.toThrow('only loopback or an address of the tailnet is listened on')
})

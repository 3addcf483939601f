import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { headersOf, openSession, rpc, send } from '../security/requests.ts'
import { type Installed, install, type Served } from '../support/installed.ts'

setDefaultTimeout(30_000)

let place: Installed
let served: Served
let token = ''
beforeAll(async () => {
  place = install()
  served = await place.serve('Bun')
  token = place.mint('admin')
})
afterAll(() => place.remove())

const scrape = (bearer?: string): Promise<Response> =>
  fetch(`${served.url.slice(0, -'/mcp'.length)}/metrics`, { headers: headersOf(bearer) })

const call = (name: string, args: object = {}) =>
  send(served.url, rpc('tools/call', { name, arguments: args }), headersOf(token))

test('who may not read the gateway may not read its metrics', async () => {
  expect((await scrape()).status).toBe(401)
  expect((await scrape(place.mint('system:read'))).status).toBe(403)
  const answer = await scrape(place.mint('gateway:read'))
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
})

test('calls, denials, approvals, sessions and targets are counted', async () => {
  await call('get_system_status')
  await call('get_system_status')
  await call('run_command', { argv: ['uptime'] })
  await call('write_file', { path: `${place.files}/a`, content: 'x', create: true })
  await openSession(served.url, token)
  const text = await (await scrape(token)).text()
  const lines = text.split('\n')
  for (const line of [
    'tailops_calls_total{tool="get_system_status",risk="read",result="done"} 2',
    'tailops_calls_total{tool="run_command",risk="destructive",result="denied"} 1',
    'tailops_calls_total{tool="write_file",risk="destructive",result="approval_required"} 1',
    'tailops_call_duration_seconds_count{tool="get_system_status"} 2',
    'tailops_sessions 1',
    'tailops_changes_running 0',
    'tailops_approvals_waiting 1',
    'tailops_frozen 0',
    'tailops_audit_writable 1',
    'tailops_target_up{target="local"} 1',
    'tailops_targets{kind="local",state="up"} 1',
  ])
    expect(lines).toContain(line)
  for (const line of lines.slice(0, -1))
    expect(line).toMatch(/^(# (HELP|TYPE) tailops_\w+ .+|tailops_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+)$/)
})

test('what callers make up is no label', async () => {
  const before = (await (await scrape(token)).text()).split('\n').length
  for (let index = 0; index < 30; index++) {
    await call(`made_up_${index}`)
    await call('get_system_status', { targets: [`nowhere-${index}`] })
    await fetch(`${served.url}/${index}`, { headers: headersOf(token) })
  }
  const text = await (await scrape(token)).text()
  expect(text).not.toContain('made_up')
  expect(text).not.toContain('nowhere')
  expect(text.split('\n').length - before).toBe(1)
})

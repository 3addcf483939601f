import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { binary, type Installed, install } from '../support/installed.ts'
import { approveAtTerminal } from '../support/person.ts'

setDefaultTimeout(60_000)

let place: Installed
let client: Client
beforeAll(async () => {
  place = install()
  const dir = join(place.dir, 'demo')
  const { url } = await place.serveBy(['demo', '--dir', dir])
  place = { ...place, env: { ...place.env, TAILOPS_STATE_DIR: join(dir, 'state') } }
  const mint = ['token', 'mint', '--name=walk', '--scopes=readonly,proxmox:control,fleet:admin']
  const token = execFileSync(binary, mint, { env: place.env, encoding: 'utf8' }).trim()
  client = new Client({ name: 'walker', version: '0' })
  const headers = { Authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  await ask('run_discovery')
})
afterAll(async () => {
  await client.close()
  await place.remove()
})

/** What a model would read. */
async function ask(name: string, args: Record<string, unknown> = {}): Promise<string> {
  const { content } = await client.callTool({ name, arguments: args })
  const [first] = Array.isArray(content) ? content : []
  return first?.type === 'text' ? first.text : ''
}

const parsed = (text: string): Record<string, unknown> => JSON.parse(text)

test('what runs, what is wrong, what has changed; restart one container: shown, approved, done, and seen', async () => {
  const state = await ask('get_fleet_state')
  expect(state).toMatch(/107,grafana,birch/)
  const cursor = /^cursor: "?([\w-]+)"?$/m.exec(state)?.[1]
  expect(await ask('triage_fleet')).toMatch(/critical,"node:office\/riga",node offline/)

  const restart = { guest: 'grafana', action: 'reboot' }
  const planned = parsed(await ask('proxmox_manage_guest', { ...restart, dry_run: true }))
  expect(planned).toMatchObject({ status: 'planned', summary: expect.stringContaining('grafana') })
  const asked = parsed(await ask('proxmox_manage_guest', restart))
  expect(asked).toMatchObject({ status: 'approval_required' })
  const approval = String(asked['approval'])
  expect(await approveAtTerminal(place, approval)).toContain('is approved')
  expect(parsed(await ask('proxmox_manage_guest', { ...restart, approval }))).toMatchObject({ status: 'done' })

  expect(await ask('proxmox_list_tasks', { guest: '107', cluster: 'home' })).toMatch(/reboot/)
  expect(await ask('get_fleet_changes', { cursor })).not.toContain('error')
})

test('the same guest number on two clusters: a change without its cluster is refused and names both', async () => {
  expect(parsed(await ask('proxmox_manage_guest', { guest: '101', action: 'reboot' }))).toMatchObject({
    error: 'invalid_input',
    message: expect.stringContaining('home and office'),
    hint: 'repeat it with cluster: home or office',
  })
})

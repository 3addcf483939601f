import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { guestOf, kept } from '../../src/demo/guest.ts'
import { headersOf, rpc, send } from '../security/requests.ts'
import { eventually as until } from '../support/eventually.ts'
import { type Installed, install, type Served } from '../support/installed.ts'
import { openStandIn, type StandIn } from '../support/pve/stand-in.ts'

setDefaultTimeout(60_000)

let standIn: StandIn
let place: Installed
let served: Served
let token = ''
beforeAll(async () => {
  standIn = await openStandIn({
    clusters: [{ name: 'home', nodes: [{ name: 'pve1' }], guests: [{ vmid: 101, node: 'pve1', name: 'web' }] }],
  })
  const { urls, tokenId, tokenSecret } = standIn.cluster('home')
  place = install(
    () => `version: "1.0"
gateway: { name: lab, capabilities: [fleet:read, fleet:admin, gateway:read] }
targets:
  home:
    executor: proxmox
    connection: { api_url: ${JSON.stringify(urls[0])}, token_id: ${JSON.stringify(tokenId)}, token_secret: ${JSON.stringify(tokenSecret)} }
    discovery: { capabilities: [system:read] }
    capabilities: [proxmox:read]
`,
  )
  served = await place.serve('Bun')
  token = place.mint('admin')
  await ask('run_discovery')
})
afterAll(async () => {
  await place.remove()
  await standIn.stop()
})

async function ask(tool: string, args: object = {}): Promise<string> {
  const { text } = await send(served.url, rpc('tools/call', { name: tool, arguments: args }), headersOf(token))
  return JSON.parse(text).result.content[0].text
}

const requestInit = () => ({ headers: { Authorization: `Bearer ${token}` } })

/** A guest that is made is listed at once, its name and numbers within ten seconds. */
async function somethingHappens(vmid: number): Promise<void> {
  const { world } = standIn.cluster('home')
  world.putGuest(kept(guestOf({ vmid, node: 'pve1', name: `new-${vmid}` }), world.now()))
  expect(await ask('run_discovery')).toContain('home')
}

test('the first guest that may be asked brings its tools, and clients are told', async () => {
  const client = new Client({ name: 'test', version: '0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(served.url), { requestInit: requestInit() }))
  const names = async () => (await client.listTools()).tools.map(({ name }) => name)
  expect(await names()).not.toContain('get_system_status')
  let told = false
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    told = true
  })
  const { world } = standIn.cluster('home')
  world.putGuest(kept(guestOf({ vmid: 301, node: 'pve1', name: 'runs', status: 'running' }), world.now()))
  await ask('run_discovery')
  await until(() => told, 'the notification')
  expect(await names()).toContain('get_system_status')
  await client.close()
})

test('who subscribed to fleet://state by a session is told of a change, and reads it', async () => {
  const client = new Client({ name: 'test', version: '0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(served.url), { requestInit: requestInit() }))
  const told: string[] = []
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri))
  await client.subscribeResource({ uri: 'fleet://state' })
  await somethingHappens(201)
  await until(() => told.length > 0, 'the notification')
  expect(new Set(told)).toEqual(new Set(['fleet://state']))
  expect(JSON.stringify((await client.readResource({ uri: 'fleet://state' })).contents)).toContain('201,')
  expect(JSON.stringify((await client.readResource({ uri: 'fleet://changes' })).contents)).toContain('created')
  await client.close()
})

test('who listens without a session, as of 2026-07-28, is told as well', async () => {
  const client = new NewClient({ name: 'test', version: '0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new NewTransport(new URL(served.url), { requestInit: requestInit() }))
  const told: string[] = []
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => void told.push(params.uri))
  const subscription = await client.listen({ resourceSubscriptions: ['fleet://state', 'fleet://changes'] })
  await somethingHappens(202)
  await until(() => told.length === 2, 'both notifications')
  expect(told.toSorted()).toEqual(['fleet://changes', 'fleet://state'])
  await subscription.close()
  await client.close()
})

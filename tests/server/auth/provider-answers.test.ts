import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { movedClock } from '../../support/moved-clock.ts'
import { openOidcWorld, resource } from './oidc-world.ts'

/** A provider whose answers a test writes. */
let server: Server
let issuer = ''
let metadata: object = {}
let introspection: (response: ServerResponse) => unknown = () => undefined
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/introspect') introspection(response)
    else if (request.url?.startsWith('/.well-known/')) response.end(JSON.stringify(metadata))
    else response.end(JSON.stringify({ active: true, ...good() }))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  issuer = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
})
afterAll(() => server.close())
beforeEach(() => {
  metadata = { issuer, introspection_endpoint: `${issuer}/introspect` }
})

const clock = movedClock(new Date())
const good = () => ({ iss: issuer, sub: 'ada', aud: resource, exp: clock.now().getTime() / 1000 + 300 })
const said = (value: unknown) => (response: ServerResponse) => response.end(JSON.stringify(value))
const status = async () => (await openOidcWorld(issuer, clock).ask('a-token')).status

test.each<[string, typeof introspection, number]>([
  ['yes', (response) => said({ active: true, ...good() })(response), 200],
  ['no', said({ active: false }), 401],
  ['yes as a text', (response) => said({ active: 'true', ...good() })(response), 503],
  ['yes as a number', (response) => said({ active: 1, ...good() })(response), 503],
  ['nothing of it', (response) => said(good())(response), 503],
  ['a list', said([{ active: true }]), 503],
  ['HTML', (response) => response.end('<h1>login</h1>'), 503],
  ['a redirect to somebody who says yes', (response) => response.writeHead(302, { Location: '/yes' }).end(), 503],
  ['an error', (response) => response.writeHead(500).end(), 503],
  [
    'yes with the status of an error',
    (response) => response.writeHead(403).end(JSON.stringify({ active: true, ...good() })),
    503,
  ],
  [
    'half an answer',
    (response) => response.writeHead(200, { 'Content-Length': '100' }).write('{') && response.destroy(),
    503,
  ],
  ['too much', (response) => response.end(JSON.stringify({ active: true, ...good(), more: 'x'.repeat(300_000) })), 503],
  ['a claim of another type', (response) => said({ active: true, ...good(), exp: '9999999999' })(response), 401],
  [
    'yes for another issuer',
    (response) => said({ active: true, ...good(), iss: 'https://other.example' })(response),
    401,
  ],
])('a provider that answers %s', async (_, answer, expected) => {
  introspection = answer
  expect(await status()).toBe(expected)
})

test.each<[string, () => object]>([
  ['are of another issuer', () => ({ ...metadata, issuer: 'https://other.example' })],
  ['have no issuer', () => ({ introspection_endpoint: `${issuer}/introspect` })],
  ['send tokens elsewhere without TLS', () => ({ issuer, introspection_endpoint: 'http://other.example/introspect' })],
  ['send tokens to a file', () => ({ issuer, introspection_endpoint: 'file:///etc/passwd' })],
  ['have keys elsewhere without TLS', () => ({ ...metadata, jwks_uri: 'http://169.254.169.254/keys' })],
])('nobody comes in where the metadata %s', async (_, written) => {
  introspection = (response) => said({ active: true, ...good() })(response)
  metadata = written()
  expect(await status()).toBe(503)
})

test.each<[string, typeof introspection]>([
  ['nothing, ever', () => undefined],
  ['one byte, and no end', (response) => response.writeHead(200).write('{')],
])('a provider that answers %s is waited for 5 s', async (_, answer) => {
  const arrived = Promise.withResolvers<void>()
  introspection = (response) => {
    answer(response)
    arrived.resolve()
  }
  const moved = movedClock(new Date())
  const asked = openOidcWorld(issuer, moved).ask('a-token')
  await arrived.promise
  moved.advance(5000)
  expect((await asked).status).toBe(503)
})

test('a provider that is away is told once in 5 s, however many ask', async () => {
  metadata = {}
  const moved = movedClock(new Date())
  const world = openOidcWorld(issuer, moved)
  const askAll = () => Promise.all(['a', 'b', 'c', undefined].map((token) => world.ask(token)))
  expect((await askAll()).map(({ status }) => status)).toEqual([503, 503, 503, 401])
  await askAll()
  expect(world.logged).toHaveLength(1)
  moved.advance(5000)
  await askAll()
  expect(world.logged).toHaveLength(2)
})

test('a provider that can be asked about nothing lets nobody in, and is not away', async () => {
  metadata = { issuer }
  expect(await status()).toBe(401)
})

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import {
  Client,
  type OAuthClientInformationMixed,
  type OAuthClientProvider,
  type OAuthTokens,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import { headersOf, openSession, rpc, send } from '../security/requests.ts'
import {
  followLogin,
  gatewayClient,
  type IdentityProvider,
  openIdentityProvider,
} from '../support/identity-provider.ts'
import { freePort, type Installed, install, type Served } from '../support/installed.ts'
import { openTsidp } from '../support/tsidp.ts'

setDefaultTimeout(30_000)

let place: Installed
let served: Served
let idp: IdentityProvider
beforeAll(async () => {
  const base = `http://127.0.0.1:${await freePort()}`
  const scopes = ['system:read', 'gateway:read']
  idp = await openIdentityProvider({
    format: 'opaque',
    resources: [`${base}/mcp`, 'https://other.example/mcp'],
    scopes,
  })
  place = install()
  served = await place.serve('Bun', {
    TAILOPS_LISTEN: new URL(base).host,
    TAILOPS_BASE_URL: base,
    TAILOPS_AUTH_MODE: 'oidc',
    TSIDP_URL: idp.issuer,
    TSIDP_CLIENT_ID: gatewayClient.id,
    TSIDP_CLIENT_SECRET: gatewayClient.secret,
  })
})
afterAll(async () => {
  await place.remove()
  await idp.stop()
})

/** What a user of a client keeps for it, and where the client wanted to send that user. */
class User implements OAuthClientProvider {
  sentTo: URL | undefined
  #client: OAuthClientInformationMixed | undefined
  #tokens: OAuthTokens | undefined
  #verifier = ''
  readonly redirectUrl = callback
  readonly clientMetadata = {
    client_name: 'test',
    redirect_uris: [callback],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
  }
  readonly #scope: string | undefined

  constructor(scope?: string) {
    this.#scope = scope
  }

  clientInformation = () => this.#client
  tokens = () => this.#tokens
  codeVerifier = () => this.#verifier
  saveClientInformation(client: OAuthClientInformationMixed) {
    this.#client = client
  }
  saveTokens(tokens: OAuthTokens) {
    this.#tokens = tokens
  }
  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier
  }
  redirectToAuthorization(url: URL) {
    if (this.#scope !== undefined && this.sentTo === undefined) url.searchParams.set('scope', this.#scope)
    this.sentTo = url
  }
}

const callback = 'http://127.0.0.1:1/callback'

function open(authProvider: User) {
  const client = new Client({ name: 'test', version: '0' })
  const transport = new StreamableHTTPClientTransport(new URL(served.url), { authProvider })
  return { client, transport }
}

/** Goes where the client sends its user, and comes back with the answer. */
async function logIn(user: User): Promise<void> {
  const arrived = await followLogin(user.sentTo?.href ?? 'nowhere')
  await open(user).transport.finishAuth(new URL(arrived).searchParams)
}

/** A client that its user has logged in. */
async function loggedIn(user: User): Promise<Client> {
  const before = open(user)
  expect(await failure(before.client.connect(before.transport))).toBeInstanceOf(UnauthorizedError)
  await logIn(user)
  const { client, transport } = open(user)
  await client.connect(transport)
  return client
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('the official client', () => {
  test('logs in with nothing but the URL: discovery, registration, PKCE, resource', async () => {
    const ada = new User()
    const client = await loggedIn(ada)
    expect(ada.sentTo?.searchParams.get('scope')).toBe('gateway:read system:read offline_access')
    expect(ada.sentTo?.searchParams.get('resource')).toBe(served.url)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('get_system_status')
    const answer = await client.callTool({ name: 'get_audit_log', arguments: {} })
    expect(answer.isError).toBeFalsy()
    await client.close()
    const audit = readFileSync(`${place.env['TAILOPS_STATE_DIR']}/audit.jsonl`, 'utf8')
    expect(audit).toContain(`"caller":"oidc:${new URL(idp.issuer).host}:ada"`)
  })

  test('is sent to log in again for a scope that it lacks, with every scope that it needs', async () => {
    const ada = new User('system:read')
    const client = await loggedIn(ada)
    expect(await failure(client.callTool({ name: 'get_audit_log', arguments: {} }))).toBeDefined()
    expect(ada.sentTo?.searchParams.get('scope')?.split(' ')).toContain('gateway:read')
    await logIn(ada)
    const { client: again, transport } = open(ada)
    await again.connect(transport)
    expect((await again.callTool({ name: 'get_audit_log', arguments: {} })).isError).toBeFalsy()
    await Promise.all([client.close(), again.close()])
  })
})

describe('on the wire', () => {
  const ask = (token: string, name: string) =>
    send(served.url, rpc('tools/call', { name, arguments: {} }), headersOf(token))

  test('both documents are there for everybody, and nothing else is', async () => {
    const paths = ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']
    for (const path of paths) {
      const document = await (await fetch(new URL(path, served.url))).json()
      expect(document).toMatchObject({ resource: served.url, authorization_servers: [idp.issuer] })
    }
    for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/', `${paths[1]}/x`, '/metrics'])
      expect((await fetch(new URL(path, served.url))).status).toBe(401)
    const foreign = { Host: 'evil.example' }
    expect((await fetch(new URL(paths[1] ?? '', served.url), { headers: foreign })).status).toBe(403)
  })

  test('a scope that the provider gives is 403; one that it does not have is an answer of the policy', async () => {
    const { access_token } = await idp.logIn({ scope: 'openid system:read', resource: served.url })
    const known = await ask(access_token, 'get_audit_log')
    expect(known.status).toBe(403)
    expect(known.headers.get('www-authenticate')).toContain('scope="gateway:read system:read", resource_metadata="http')
    const unknown = await ask(access_token, 'get_active_connections')
    expect(unknown.status).toBe(200)
    expect(unknown.text).toContain('does not hold the scope network:read')
  })

  test('tokens of the gateway itself, and of another gateway, are none', async () => {
    const { access_token } = await idp.logIn({ resource: 'https://other.example/mcp' })
    expect((await ask(access_token, 'get_system_status')).status).toBe(401)
    expect((await ask(`tops_aaaaaaaa_${'a'.repeat(40)}`, 'get_system_status')).status).toBe(401)
  })

  test('a session belongs to who opened it, whichever token comes', async () => {
    const [first, second] = [await idp.logIn({ scope: 'system:read' }), await idp.logIn({ scope: 'system:read' })]
    const id = await openSession(served.url, first.access_token)
    const answer = await send(served.url, rpc('tools/list'), headersOf(second.access_token, { 'mcp-session-id': id }))
    expect(answer.status).toBe(200)
  })
})

test('where the provider is TSIDP, roles of policy.yaml say by login who may do what', async () => {
  const base = `http://127.0.0.1:${await freePort()}`
  const tsidp = await openTsidp()
  const own = install()
  try {
    writeFileSync(
      join(own.dir, 'policy.yaml'),
      `version: "1.0"
roles:
  reader:
    who: { logins: [ada@example.org] }
    may: [{ capabilities: [system:read] }]
rules:
  - { id: reads, effect: allow, risks: [read] }
`,
    )
    await own.serve('Node 22', {
      TAILOPS_LISTEN: new URL(base).host,
      TAILOPS_BASE_URL: base,
      TAILOPS_AUTH_MODE: 'oidc',
      TSIDP_URL: tsidp.issuer,
    })
    const token = tsidp.give(`${base}/mcp`)
    const call = async (name: string) =>
      (await send(`${base}/mcp`, rpc('tools/call', { name, arguments: {} }), headersOf(token))).text
    expect(await call('get_system_status')).toContain('mem_total_mib')
    const refused = await call('get_active_connections')
    expect(refused).toContain('has no role that gives network:read')
    expect(refused).toContain('"isError":true')
  } finally {
    await own.remove()
    await tsidp.stop()
  }
})

test('no token of a caller reaches what a tool calls', async () => {
  const base = `http://127.0.0.1:${await freePort()}`
  const heard: string[] = []
  const upstream = createServer((request, response) => {
    heard.push(JSON.stringify([request.url, request.rawHeaders]))
    response.end('{}')
  })
  await new Promise<void>((listening) => upstream.listen(0, '127.0.0.1', listening))
  const address = upstream.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const provider = await openIdentityProvider({ format: 'jwt', resources: [`${base}/mcp`], scopes: ['http:call'] })
  const own = install(
    () => `version: "1.0"
targets:
  service:
    executor: http
    connection: { base_url: "http://127.0.0.1:${port}", token: own-of-the-service }
    endpoints: { health: { path: /health } }
    capabilities: [http:call]
`,
  )
  try {
    await own.serve('Bun', {
      TAILOPS_LISTEN: new URL(base).host,
      TAILOPS_BASE_URL: base,
      TAILOPS_AUTH_MODE: 'oidc',
      TSIDP_URL: provider.issuer,
    })
    const { access_token } = await provider.logIn({ scope: 'http:call' })
    const args = { endpoint: 'health', targets: ['service'] }
    const call = rpc('tools/call', { name: 'call_http_endpoint', arguments: args })
    const { status, text } = await send(`${base}/mcp`, call, headersOf(access_token))
    expect([status, text.includes('"isError":true')]).toEqual([200, false])
    expect(heard).toHaveLength(1)
    expect(heard[0]).toContain('Bearer own-of-the-service')
    expect(heard[0]).not.toContain(access_token)
    const audit = readFileSync(`${own.env['TAILOPS_STATE_DIR']}/audit.jsonl`, 'utf8')
    expect(audit).toContain('call_http_endpoint')
    expect(audit).not.toContain(access_token.slice(-40))
  } finally {
    await own.remove()
    await provider.stop()
    upstream.close()
  }
})

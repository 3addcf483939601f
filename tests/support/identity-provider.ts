import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import Provider, { errors } from 'oidc-provider'

/** A real identity provider on loopback, at which everybody is logged in as one person without being asked. */
export interface IdentityProvider {
  readonly issuer: string
  /** What it signs with now, the private part as well: attacks are made with it. */
  readonly key: () => JWK
  /** Logs in as clients do (authorization code, PKCE, RFC 8707) and returns what the token endpoint answers. */
  logIn(wanted?: { readonly scope?: string; readonly resource?: string }): Promise<Tokens>
  revoke(token: string): Promise<void>
  /** Signs with a new key from now on; the old one is gone. */
  rotate(): Promise<void>
  /** While it is true, every request gets a 500. */
  down: boolean
  /** Paths that were asked, since it was started. */
  readonly asked: readonly string[]
  stop(): Promise<void>
}

export interface Tokens {
  readonly access_token: string
  readonly id_token?: string
  readonly refresh_token?: string
  readonly scope?: string
}

export interface IdentityProviderOptions {
  readonly format: 'jwt' | 'opaque'
  /** Which gateways it knows. */
  readonly resources: readonly string[]
  /** Scopes of a gateway, beside openid, profile and email. */
  readonly scopes?: readonly string[]
  readonly ttlSeconds?: number
}

const callbackUrl = 'http://127.0.0.1:1/callback'
export const gatewayClient = { id: 'gateway', secret: 'gateway secret: & +%' } as const

export async function openIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  let answer: (request: IncomingMessage, response: ServerResponse) => unknown = () => undefined
  const asked: string[] = []
  const state = { down: false }
  const server = createServer((request, response) => {
    asked.push((request.url ?? '').split('?')[0] ?? '')
    if (state.down) response.writeHead(500).end('down')
    else answer(request, response)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  const issuer = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  let key: JWK = {}
  const rotate = async () => {
    key = await newKey()
    const provider = new Provider(issuer, configuration(options, key))
    const callback = provider.callback()
    answer = (request, response) =>
      request.url?.startsWith('/interaction/')
        ? provider.interactionFinished(request, response, { login: { accountId: 'ada' }, consent: {} })
        : callback(request, response)
  }
  await rotate()
  return {
    issuer,
    key: () => key,
    rotate,
    asked,
    logIn: ({ scope = 'openid', resource = options.resources[0] } = {}) => logIn(issuer, scope, resource),
    async revoke(token) {
      await form(`${issuer}/token/revocation`, { token })
    },
    get down() {
      return state.down
    },
    set down(is) {
      state.down = is
    },
    stop: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: randomBytes(6).toString('hex') }
}

function configuration({ format, resources, scopes = [], ttlSeconds = 300 }: IdentityProviderOptions, key: JWK) {
  const scope = scopes.join(' ')
  return {
    jwks: { keys: [key] },
    cookies: { keys: ['cookies of a test'] },
    scopes: ['openid', 'profile', 'email', 'offline_access', ...scopes],
    clients: [
      {
        client_id: 'client',
        token_endpoint_auth_method: 'none',
        redirect_uris: [callbackUrl],
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token'],
      },
      {
        client_id: gatewayClient.id,
        client_secret: gatewayClient.secret,
        redirect_uris: [],
        response_types: [],
        grant_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo(_: unknown, resource: string) {
          if (!resources.includes(resource)) throw new errors.InvalidTarget()
          return { scope, audience: resource, accessTokenFormat: format, accessTokenTTL: ttlSeconds }
        },
      },
    },
    pkce: { required: () => true },
    issueRefreshToken: () => true,
    interactions: { url: (_: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
    findAccount: (_: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ sub, email: 'ada@example.org', email_verified: true }),
    }),
    extraTokenClaims: () => ({ username: 'ada@example.org', groups: ['operators'] }),
    async loadExistingGrant({ oidc }: GrantContext) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
      grant.addOIDCScope(`openid profile email offline_access ${scope}`)
      for (const resource of resources) grant.addResourceScope(resource, scope)
      await grant.save()
      return grant
    },
  }
}

interface GrantContext {
  readonly oidc: {
    readonly provider: Provider
    readonly client: { readonly clientId: string }
    readonly session: { readonly accountId: string }
  }
}

async function logIn(issuer: string, scope: string, resource: string | undefined): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url')
  const target = resource === undefined ? {} : { resource }
  const query = new URLSearchParams({
    client_id: 'client',
    response_type: 'code',
    redirect_uri: callbackUrl,
    scope,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...target,
  })
  const arrived = await followLogin(`${issuer}/auth?${query}`)
  const code = new URL(arrived).searchParams.get('code')
  if (code === null) throw new Error(`no code: ${arrived}`)
  const response = await form(`${issuer}/token`, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: callbackUrl,
    code_verifier: verifier,
    ...target,
  })
  // What a test server of ours answers.
  return (await response.json()) as Tokens
}

async function form(url: string, fields: Readonly<Record<string, string>>): Promise<Response> {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ client_id: 'client', ...fields }) })
  if (response.ok) return response
  throw new Error(`${url}: ${response.status} ${await response.text()}`)
}

/** Follows redirects as a browser does, until they leave the identity provider. */
export async function followLogin(start: string): Promise<string> {
  const cookies = new Map<string, string>()
  let at = start
  for (let hop = 0; hop < 10 && new URL(at).origin === new URL(start).origin; hop++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(at, { redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (name !== undefined && value !== undefined) cookies.set(name, value)
    }
    const to = response.headers.get('location')
    if (to === null) throw new Error(`${at}: ${response.status} ${await response.text()}`)
    at = new URL(to, at).href
  }
  return at
}

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'

/** Stands in for tailscale/tsidp, as far as a resource server sees it: opaque tokens of five minutes, kept in memory alone. */
export interface Tsidp {
  readonly issuer: string
  /** A token as its token endpoint gives; without a resource it is for the client alone. */
  give(resource?: string, at?: Date): string
  /** Everybody is logged out. */
  restart(): void
  /** Whether who asks is a machine of the tailnet; others are told that every token is inactive. */
  knowsCallers: boolean
  stop(): Promise<void>
}

export async function openTsidp(): Promise<Tsidp> {
  const tokens = new Map<string, object>()
  const state = { knowsCallers: true }
  const server = createServer(async (request, response) => {
    const answer = (value: object, status = 200) =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
    const documents = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']
    if (documents.includes(request.url ?? '')) return answer(metadata(issuer))
    if (request.url !== '/introspect' || request.method !== 'POST') return answer({ error: 'not found' }, 404)
    const token = new URLSearchParams(Buffer.concat(await Array.fromAsync(request)).toString()).get('token') ?? ''
    return answer((state.knowsCallers ? tokens.get(token) : undefined) ?? { active: false })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  const issuer = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  return {
    issuer,
    give(resource, at = new Date()) {
      const token = randomBytes(32).toString('hex')
      const iat = Math.floor(at.getTime() / 1000)
      tokens.set(token, {
        active: true,
        client_id: 'client',
        exp: iat + 300,
        iat,
        nbf: iat,
        token_type: 'Bearer',
        iss: issuer,
        jti: randomBytes(8).toString('hex'),
        sub: '1234567890',
        username: 'ada@example.org',
        aud: ['client', ...(resource === undefined ? [] : [resource])],
        scope: 'openid profile email',
        email: 'ada@example.org',
        preferred_username: 'ada',
      })
      return token
    },
    restart: () => tokens.clear(),
    get knowsCallers() {
      return state.knowsCallers
    },
    set knowsCallers(does) {
      state.knowsCallers = does
    },
    stop: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

const metadata = (issuer: string): object => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  introspection_endpoint: `${issuer}/introspect`,
  jwks_uri: `${issuer}/.well-known/jwks.json`,
  scopes_supported: ['openid', 'email', 'profile'],
  response_types_supported: ['id_token', 'code'],
  token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
  id_token_signing_alg_values_supported: ['RS256'],
})

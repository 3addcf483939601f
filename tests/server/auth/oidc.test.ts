import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHmac, createPublicKey } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload } from 'jose'
import { Secret } from '../../../src/lib/secret.ts'
import { eventually } from '../../support/eventually.ts'
import { gatewayClient, type IdentityProvider, openIdentityProvider } from '../../support/identity-provider.ts'
import { type MovedClock, movedClock } from '../../support/moved-clock.ts'
import { openTsidp, type Tsidp } from '../../support/tsidp.ts'
import { baseUrl, goodClaims, type OidcWorld, openOidcWorld, resource, sign } from './oidc-world.ts'

setDefaultTimeout(20_000)

const others = 'https://other.example.ts.net/mcp'
const client = { id: gatewayClient.id, secret: new Secret(gatewayClient.secret) }

let jwt: IdentityProvider
let opaque: IdentityProvider
let tsidp: Tsidp
beforeAll(async () => {
  const scopes = ['system:read', 'container:read', 'admin']
  const resources = [resource, others]
  jwt = await openIdentityProvider({ format: 'jwt', resources, scopes })
  opaque = await openIdentityProvider({ format: 'opaque', resources, scopes })
  tsidp = await openTsidp()
})
afterAll(() => Promise.all([jwt.stop(), opaque.stop(), tsidp.stop()]))

/** The gateway at the real time of day, on a clock that a test moves. */
function gateway(
  idp: { readonly issuer: string },
  more = {},
): { readonly world: OidcWorld; readonly clock: MovedClock } {
  const clock = movedClock(new Date())
  return { clock, world: openOidcWorld(idp.issuer, clock, { client, ...more }) }
}

describe('a caller with a token of the provider', () => {
  test('is known by issuer and subject; scopes that are capabilities are held', async () => {
    for (const idp of [jwt, opaque]) {
      const { access_token } = await idp.logIn({ scope: 'openid system:read admin' })
      const { status, caller } = await gateway(idp).world.ask(access_token)
      expect(status).toBe(200)
      expect(caller).toEqual({
        id: `oidc:${new URL(idp.issuer).host}:ada`,
        scopes: ['system:read'],
        proof: { kind: 'oidc', login: 'ada@example.org', groups: ['operators'], tags: [], givesScopes: true },
      })
    }
  })

  test('is the same caller with the next token', async () => {
    const { world } = gateway(opaque)
    const first = await world.ask((await opaque.logIn()).access_token)
    const second = await world.ask((await opaque.logIn()).access_token)
    expect(second.caller?.id).toBe(first.caller?.id ?? 'none')
  })

  test('is known by login alone where the provider is TSIDP', async () => {
    const { caller } = await gateway(tsidp, { client: undefined }).world.ask(tsidp.give(resource))
    expect(caller).toEqual({
      id: `oidc:${new URL(tsidp.issuer).host}:1234567890`,
      scopes: [],
      proof: { kind: 'oidc', login: 'ada@example.org', groups: [], tags: [], givesScopes: false },
    })
  })

  test('has a login only where the provider vouches for it', async () => {
    const { world, clock } = gateway(jwt)
    const written = { ...goodClaims(jwt, clock), preferred_username: 'root', email: 'root@example.org' }
    expect((await world.ask(await sign(jwt.key(), written))).caller?.proof).not.toHaveProperty('login')
    const verified = await world.ask(await sign(jwt.key(), { ...written, email_verified: true }))
    expect(verified.caller?.proof?.login).toBe('root@example.org')
    const named = gateway(jwt, { claims: { login: 'preferred_username', groups: 'roles' } }).world
    const asked = await named.ask(await sign(jwt.key(), { ...written, roles: ['a'], groups: ['b'] }))
    expect(asked.caller?.proof).toEqual({ kind: 'oidc', login: 'root', groups: ['a'], tags: [], givesScopes: true })
  })
})

describe('the challenge', () => {
  test('names the metadata, and what to ask for of what the provider has', async () => {
    const { challenge, status } = await gateway(jwt).world.ask()
    expect(status).toBe(401)
    expect(challenge).toBe(
      `Bearer realm="tailops", scope="container:read system:read", resource_metadata="${baseUrl}/.well-known/oauth-protected-resource/mcp"`,
    )
    const likeTsidp = await gateway(tsidp).world.ask()
    expect(likeTsidp.challenge).toContain('scope="openid profile email"')
  })

  test('the metadata name this gateway and its provider', async () => {
    expect(await gateway(jwt).world.metadata()).toEqual({
      resource,
      authorization_servers: [jwt.issuer],
      bearer_methods_supported: ['header'],
      resource_name: 'TailOps',
      scopes_supported: ['system:read', 'container:read'],
    })
  })

  test('is given without scopes while the provider is away', async () => {
    const { world } = gateway(jwt)
    jwt.down = true
    const [{ status, challenge }, metadata] = [await world.ask(), await world.metadata()]
    jwt.down = false
    expect(status).toBe(401)
    expect(challenge).not.toContain('scope=')
    expect(metadata).not.toHaveProperty('scopes_supported')
  })
})

describe('a JWT is refused', () => {
  const hour = 3600
  test.each<[string, (claims: JWTPayload) => JWTPayload, string]>([
    ['for another service', (claims) => ({ ...claims, aud: others }), 'another service'],
    ['for a longer path', (claims) => ({ ...claims, aud: `${resource}2` }), 'another service'],
    ['with a slash more', (claims) => ({ ...claims, aud: `${resource}/` }), 'another service'],
    ['for the whole host', (claims) => ({ ...claims, aud: baseUrl }), 'another service'],
    ['in capitals', (claims) => ({ ...claims, aud: resource.toUpperCase() }), 'another service'],
    ['for its client alone', (claims) => ({ ...claims, aud: ['client'] }), 'another service'],
    ['for nobody', ({ aud: _, ...claims }) => claims, 'another service'],
    ['of another issuer', (claims) => ({ ...claims, iss: 'https://idp.example.org' }), 'another issuer'],
    ['of no issuer', ({ iss: _, ...claims }) => claims, 'another issuer'],
    ['that has expired', (claims) => ({ ...claims, exp: (claims.exp ?? 0) - hour }), 'expired'],
    ['that never expires', ({ exp: _, ...claims }) => claims, 'exp is missing'],
    ['that is not valid yet', (claims) => ({ ...claims, nbf: (claims.iat ?? 0) + hour }), 'not valid yet'],
    ['of nobody', ({ sub: _, ...claims }) => claims, 'sub is missing'],
    ['of somebody with a line break', (claims) => ({ ...claims, sub: 'ada\noidc:x:root' }), 'sub is missing or wrong'],
    ['that is bound to a key', (claims) => ({ ...claims, cnf: { jkt: 'x' } }), 'bound to a key'],
  ])('%s', async (_, change, why) => {
    const { world, clock } = gateway(jwt)
    const { status, challenge } = await world.ask(await sign(jwt.key(), change(goodClaims(jwt, clock))))
    expect(status).toBe(401)
    expect(challenge).toContain('error="invalid_token"')
    expect(challenge).toContain(why)
  })

  test('with the algorithm none', async () => {
    const { world, clock } = gateway(jwt)
    for (const alg of ['none', 'None', 'NONE', '']) {
      const header = { alg, typ: 'at+jwt', kid: jwt.key().kid }
      expect((await world.ask(`${part(header)}.${part(goodClaims(jwt, clock))}.`)).status).toBe(401)
      expect((await world.ask(`${part(header)}.${part(goodClaims(jwt, clock))}.AAAA`)).status).toBe(401)
    }
  })

  test('with HS256 and the public key as the secret', async () => {
    const { world, clock } = gateway(jwt)
    const { kty = '', n = '', e = '', kid } = jwt.key()
    const pem = createPublicKey({ key: { kty, n, e }, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    for (const secret of [pem, JSON.stringify({ kty, n, e }), n]) {
      const signed = `${part({ alg: 'HS256', typ: 'at+jwt', kid })}.${part(goodClaims(jwt, clock))}`
      const signature = createHmac('sha256', secret).update(signed).digest('base64url')
      expect((await world.ask(`${signed}.${signature}`)).status).toBe(401)
    }
  })

  test('with a key that it brings itself', async () => {
    const { world, clock } = gateway(jwt)
    const own = await ownKey()
    const { n, e } = own
    const bringing = [
      { jwk: { kty: 'RSA', n, e } },
      { jku: 'http://127.0.0.1:1/keys' },
      { x5u: 'http://127.0.0.1:1/x' },
    ]
    for (const header of bringing) {
      const token = await sign({ ...own, kid: jwt.key().kid ?? '' }, goodClaims(jwt, clock), header)
      expect((await world.ask(token)).status).toBe(401)
    }
  })

  test('with a changed word', async () => {
    const { world } = gateway(jwt)
    const [header, payload = '', signature] = (await jwt.logIn()).access_token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    expect((await world.ask(`${header}.${part({ ...claims, sub: 'eve' })}.${signature}`)).status).toBe(401)
  })

  test('that is an ID token, also where that names this gateway', async () => {
    const { world, clock } = gateway(jwt)
    const { id_token } = await jwt.logIn()
    expect((await world.ask(id_token)).challenge).toContain('another service')
    const { scope: _, ...login } = goodClaims(jwt, clock)
    const asTsidp = { ...login, aud: ['client', resource], azp: 'client', email: 'ada@example.org' }
    expect((await world.ask(await sign(jwt.key(), asTsidp, { typ: 'JWT' }))).challenge).toContain('no access token')
    const withNonce = { ...goodClaims(jwt, clock), nonce: 'x' }
    expect((await world.ask(await sign(jwt.key(), withNonce, { typ: 'JWT' }))).status).toBe(401)
    expect((await world.ask(await sign(jwt.key(), goodClaims(jwt, clock), { typ: 'logout+jwt' }))).status).toBe(401)
    expect((await world.ask(await sign(jwt.key(), goodClaims(jwt, clock), { typ: 'JWT' }))).status).toBe(200)
  })

  test.each([
    ['garbage', 'a'.repeat(500)],
    ['three parts of it', 'a.b.c'],
    ['too long', 'a'.repeat(20_000)],
    ['two tokens', 'aaa, Bearer bbb'],
    ['nothing', ''],
  ])('%s is no token', async (_, token) => {
    expect((await gateway(jwt).world.ask(token)).status).toBe(401)
  })

  test('sent as Basic, or with another scheme', async () => {
    const { access_token } = await jwt.logIn()
    const { world } = gateway(jwt)
    expect((await world.ask(access_token, 'Basic')).status).toBe(401)
    expect((await world.ask(access_token, 'DPoP')).status).toBe(401)
    expect((await world.ask(access_token, 'bearer')).status).toBe(200)
  })
})

describe('keys', () => {
  test('that are new are found; tokens of the old one end', async () => {
    const { world, clock } = gateway(jwt)
    const old = await sign(jwt.key(), goodClaims(jwt, clock))
    expect((await world.ask(old)).status).toBe(200)
    await jwt.rotate()
    clock.advance(31_000)
    expect((await world.ask(await sign(jwt.key(), goodClaims(jwt, clock)))).status).toBe(200)
    expect((await world.ask(old)).status).toBe(401)
  })

  test('that nobody knows make the gateway ask at most every 30 s', async () => {
    const { world, clock } = gateway(jwt)
    const own = await ownKey()
    const before = count(jwt, '/jwks')
    for (let kid = 0; kid < 20; kid++)
      expect((await world.ask(await sign({ ...own, kid: `../${kid}` }, goodClaims(jwt, clock)))).status).toBe(401)
    expect(count(jwt, '/jwks') - before).toBe(1)
  })

  test('are kept while the provider is away: good tokens go on, those of a new key wait', async () => {
    const { world, clock } = gateway(jwt)
    const tokens = [
      await sign(jwt.key(), goodClaims(jwt, clock)),
      await sign(jwt.key(), { ...goodClaims(jwt, clock), jti: '2' }),
    ]
    expect((await world.ask(tokens[0])).status).toBe(200)
    clock.advance(40_000)
    jwt.down = true
    const unknown = await world.ask(await sign({ ...(await ownKey()), kid: 'new' }, goodClaims(jwt, clock)))
    const known = await world.ask(tokens[1])
    jwt.down = false
    expect([unknown.status, known.status]).toEqual([503, 200])
  })
})

describe('an opaque token', () => {
  test('for another gateway, or for none, is refused', async () => {
    const { world } = gateway(opaque)
    const elsewhere = await world.ask((await opaque.logIn({ resource: others })).access_token)
    expect(elsewhere.status).toBe(401)
    expect(elsewhere.challenge).toContain('another service')
    expect((await gateway(tsidp).world.ask(tsidp.give())).challenge).toContain('another service')
    expect((await gateway(tsidp).world.ask(tsidp.give(others))).challenge).toContain('another service')
  })

  test('of TSIDP ends after five minutes, with its restart, and where it does not know the gateway', async () => {
    const { world, clock } = gateway(tsidp)
    const [expiring, lost, unseen] = [tsidp.give(resource), tsidp.give(resource), tsidp.give(resource)]
    const statuses = async () => Promise.all([expiring, lost].map(async (token) => (await world.ask(token)).status))
    expect(await statuses()).toEqual([200, 200])
    tsidp.knowsCallers = false
    expect((await world.ask(unseen)).status).toBe(401)
    tsidp.knowsCallers = true
    clock.advance(306_000)
    expect((await world.ask(expiring)).challenge).toContain('expired')
    tsidp.restart()
    expect((await world.ask(lost)).status).toBe(401)
  })

  test('from the future is refused', async () => {
    const { world, clock } = gateway(tsidp)
    const early = tsidp.give(resource, new Date(clock.now().getTime() + 60_000))
    expect((await world.ask(early)).challenge).toContain('not valid yet')
  })

  test('that is a refresh token is refused', async () => {
    const { refresh_token } = await opaque.logIn({ scope: 'openid offline_access system:read' })
    expect(refresh_token).toBeString()
    expect((await gateway(opaque).world.ask(refresh_token)).status).toBe(401)
  })

  test('is asked about once in 30 s, then it is found to be revoked', async () => {
    const { world, clock } = gateway(opaque)
    const { access_token } = await opaque.logIn()
    const before = count(opaque, '/token/introspection')
    const answers = await Promise.all(Array.from({ length: 10 }, () => world.ask(access_token)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
    expect(count(opaque, '/token/introspection') - before).toBe(1)
    await opaque.revoke(access_token)
    clock.advance(29_000)
    expect((await world.ask(access_token)).status).toBe(200)
    clock.advance(1000)
    expect((await world.ask(access_token)).status).toBe(401)
  })

  test('ends an open stream when it is revoked, and when it expires', async () => {
    const { world, clock } = gateway(opaque)
    const revoked = await opaque.logIn()
    const expiring = await opaque.logIn()
    const [first, second] = [await world.ask(revoked.access_token), await world.ask(expiring.access_token)]
    await opaque.revoke(revoked.access_token)
    clock.advance(31_000)
    await eventually(() => first.stillValid?.() === false, 'the revoked one ends')
    expect(second.stillValid?.()).toBe(true)
    clock.advance(300_000)
    expect(second.stillValid?.()).toBe(false)
  })

  test('gets 503, never 401, while the provider is away or does not know the gateway', async () => {
    const { access_token } = await opaque.logIn()
    opaque.down = true
    const { world, clock } = gateway(opaque)
    const away = await world.ask(access_token)
    opaque.down = false
    clock.advance(6000)
    const back = await world.ask(access_token)
    expect([away.status, back.status]).toEqual([503, 200])
    const stranger = gateway(opaque, { client: { id: gatewayClient.id, secret: new Secret('wrong') } }).world
    expect((await stranger.ask(access_token)).status).toBe(503)
    expect(stranger.logged.join()).toContain('introspection answered with status 401')
    expect([...world.logged, ...stranger.logged].join()).not.toContain(access_token)
  })

  test('that was good goes on being good for its 30 s while the provider is away', async () => {
    const { world, clock } = gateway(opaque)
    const { access_token } = await opaque.logIn()
    expect((await world.ask(access_token)).status).toBe(200)
    opaque.down = true
    clock.advance(20_000)
    const soon = await world.ask(access_token)
    clock.advance(11_000)
    const late = await world.ask(access_token)
    opaque.down = false
    expect([soon.status, late.status]).toEqual([200, 503])
  })
})

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const count = ({ asked }: IdentityProvider, path: string): number => asked.filter((one) => one === path).length

async function ownKey(): Promise<JWK> {
  return exportJWK((await generateKeyPair('RS256', { extractable: true })).privateKey)
}

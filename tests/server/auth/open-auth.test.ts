import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import type { AuthSettings } from '../../../src/config/auth-settings.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { logger } from '../../../src/lib/log.ts'
import { Secret } from '../../../src/lib/secret.ts'
import { openAuth } from '../../../src/server/auth/open-auth.ts'
import { openTsidp, type Tsidp } from '../../support/tsidp.ts'

const own = `tops_aaaaaaaa_${'a'.repeat(40)}`
const baseUrl = 'https://gw.example.ts.net'
const oldSecret = new Secret('a shared secret of 2025')
const payload = Buffer.from(
  JSON.stringify({ agent: 'a', scopes: ['admin'], expiry: new Date(Date.now() + 60_000).toISOString() }),
).toString('base64url')
const old = `${payload}.${createHmac('sha256', oldSecret.reveal()).update(payload).digest('hex')}`

let tsidp: Tsidp
beforeAll(async () => {
  tsidp = await openTsidp()
})
afterAll(() => tsidp.stop())

/** Which of the tokens are let in: the gateway's own, one of SystemManager, one of the identity provider. */
async function letIn(settings: AuthSettings): Promise<readonly string[]> {
  const expiresAt = new Date(Date.now() + 60_000)
  const { authenticate } = openAuth(settings, {
    tokens: { verify: (token) => (token === own ? { caller: { id: 'token:own', scopes: [] }, expiresAt } : undefined) },
    clock: systemClock,
    log: logger('error', () => undefined, systemClock.now),
    onForged: () => undefined,
  })
  const ids = [own, old, tsidp.give(`${baseUrl}/mcp`), `${own}b`].map(async (token) => {
    const answer = await authenticate(new Request(baseUrl, { headers: { Authorization: `Bearer ${token}` } }))
    return answer instanceof Response ? [] : [answer.caller.id.replace(/:\d+:/, '::')]
  })
  return (await Promise.all(ids)).flat()
}

const oidc = (): Extract<AuthSettings, { readonly mode: 'oidc' }> => ({
  mode: 'oidc',
  baseUrl,
  oidc: { issuer: tsidp.issuer, claims: { groups: 'groups' } },
})

test('every mode lets in what it says, and nothing else', async () => {
  expect(await letIn({ mode: 'token', tokens: {} })).toEqual(['token:own'])
  expect(await letIn({ mode: 'token', tokens: { oldSecret } })).toEqual(['token:own', 'token:old:a'])
  expect(await letIn(oidc())).toEqual(['oidc:127.0.0.1::1234567890'])
  expect(await letIn({ ...oidc(), tokens: {} })).toEqual(['token:own', 'oidc:127.0.0.1::1234567890'])
  const tailscale = { socketPath: '/nonexistent.sock' }
  expect(await letIn({ mode: 'tailscale', tailscale })).toEqual([])
  expect(await letIn({ mode: 'tailscale', tailscale, tokens: {} })).toEqual(['token:own'])
})

test('what one kind of proof refuses is not tried as another', async () => {
  const asked: string[] = []
  const { authenticate } = openAuth(
    { ...oidc(), tokens: {} },
    {
      tokens: {
        verify(token) {
          asked.push(token)
          return undefined
        },
      },
      clock: systemClock,
      log: logger('error', () => undefined, systemClock.now),
      onForged: () => undefined,
    },
  )
  const challengeFor = async (token: string) => {
    const answer = await authenticate(new Request(baseUrl, { headers: { Authorization: `bearer ${token}` } }))
    return answer instanceof Response ? answer.headers.get('www-authenticate') : undefined
  }
  expect(await challengeFor(own)).not.toContain('resource_metadata')
  expect(await challengeFor('a'.repeat(64))).toContain('resource_metadata')
  expect(asked).toEqual([own])
})

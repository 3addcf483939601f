import { describe, expect, test } from 'bun:test'
import { readSettings } from '../../src/config/settings.ts'
import { secretsIn } from '../../src/lib/secret.ts'

const oidc = {
  TAILOPS_AUTH_MODE: 'oidc',
  TSIDP_URL: 'https://idp.example.ts.net',
  TAILOPS_BASE_URL: 'https://gw.example.ts.net/',
}

const errorsOf = (env: Record<string, string>) => readSettings(env).problems.map(({ file, what }) => `${file}: ${what}`)

describe('oidc', () => {
  test('needs the issuer, and the URL that tokens name', () => {
    expect(readSettings(oidc).settings.auth).toEqual({
      mode: 'oidc',
      baseUrl: 'https://gw.example.ts.net',
      oidc: { issuer: 'https://idp.example.ts.net', client: undefined, claims: { login: undefined, groups: 'groups' } },
    })
    expect(errorsOf({ ...oidc, TSIDP_URL: '' })).toEqual(['environment variable TSIDP_URL: is not set'])
    expect(errorsOf({ ...oidc, TAILOPS_BASE_URL: '' })).toEqual(['environment variable TAILOPS_BASE_URL: is not set'])
  })

  test.each([
    'http://idp.example.org',
    'idp.example.org',
    'https://user:secret@idp.example.org',
    'https://idp.example.org/?a=b',
    'file:///etc/passwd',
  ])('%s is no issuer', (TSIDP_URL) => {
    const errors = errorsOf({ ...oidc, TSIDP_URL })
    expect(errors).toEqual(['environment variable TSIDP_URL: is no https URL'])
    expect(readSettings({ ...oidc, TSIDP_URL }).settings.auth.mode).toBe('token')
  })

  test('without TLS on the machine itself only', () => {
    expect(errorsOf({ ...oidc, TSIDP_URL: 'http://127.0.0.1:8443' })).toEqual([])
    expect(errorsOf({ ...oidc, TSIDP_URL: 'http://localhost:8443' })).toEqual([])
    expect(errorsOf({ ...oidc, TSIDP_URL: 'http://127.0.0.1.example.org' })).toHaveLength(1)
  })

  test('the client has both parts or none; its secret is held as one', () => {
    expect(errorsOf({ ...oidc, TSIDP_CLIENT_ID: 'gw' })[0]).toContain('TSIDP_CLIENT_ID: is set alone')
    expect(errorsOf({ ...oidc, TSIDP_CLIENT_SECRET: 'hush' })[0]).toContain('TSIDP_CLIENT_SECRET: is set alone')
    const { settings } = readSettings({ ...oidc, TSIDP_CLIENT_ID: 'gw', TSIDP_CLIENT_SECRET: 'hush' })
    expect(secretsIn(settings)).toEqual(['hush'])
    expect(JSON.stringify(settings)).not.toContain('hush')
  })

  test('the names of claims can be said', () => {
    const { auth } = readSettings({ ...oidc, TAILOPS_LOGIN_CLAIM: 'upn', TAILOPS_GROUPS_CLAIM: 'roles' }).settings
    expect(auth).toMatchObject({ oidc: { claims: { login: 'upn', groups: 'roles' } } })
  })
})

describe('tailscale', () => {
  const mode = { TAILOPS_AUTH_MODE: 'tailscale' }

  test('asks at the usual place, and takes nothing from grants unless their name is said', () => {
    expect(readSettings(mode).settings.auth).toEqual({
      mode: 'tailscale',
      tailscale: { socketPath: '/run/tailscale/tailscaled.sock', capability: undefined },
    })
    const env = { ...mode, TAILOPS_TAILSCALE_SOCKET: '/tmp/x.sock', TAILOPS_APP_CAPABILITY: 'example.com/cap/tailops' }
    expect(readSettings(env).settings.auth).toMatchObject({
      tailscale: { socketPath: '/tmp/x.sock', capability: 'example.com/cap/tailops' },
    })
  })

  test('a path that is not whole, and a name without a domain, are errors', () => {
    expect(errorsOf({ ...mode, TAILOPS_TAILSCALE_SOCKET: 'x.sock' })).toHaveLength(1)
    expect(errorsOf({ ...mode, TAILOPS_APP_CAPABILITY: 'tailops' })).toHaveLength(1)
    expect(readSettings({ ...mode, TAILOPS_APP_CAPABILITY: 'tailops' }).settings.auth).toMatchObject({
      tailscale: { capability: undefined },
    })
  })
})

describe('tokens of the gateway', () => {
  const modeOf = (TAILOPS_AUTH_MODE: string) => readSettings({ ...oidc, TAILOPS_AUTH_MODE }).settings.auth

  test('can be accepted beside one other kind of proof, in any order', () => {
    expect(modeOf('oidc,token')).toMatchObject({ mode: 'oidc', tokens: {} })
    expect(modeOf('token, tailscale')).toMatchObject({ mode: 'tailscale', tokens: {} })
    expect(modeOf('oidc')).toHaveProperty('tokens', undefined)
  })

  test.each(['none,token', 'oidc,tailscale', 'oidc,tailscale,token', 'oidc,', 'token,tokens', ','])(
    '%s is no way to authenticate',
    (TAILOPS_AUTH_MODE) => {
      expect(errorsOf({ ...oidc, TAILOPS_AUTH_MODE })[0]).toContain('is no way to authenticate')
      expect(modeOf(TAILOPS_AUTH_MODE).mode).toBe('token')
    },
  )

  test('of SystemManager are accepted with a key that cannot be guessed', () => {
    const secretOf = (SYSTEMMANAGER_SHARED_SECRET: string, TAILOPS_AUTH_MODE = 'token') =>
      secretsIn(readSettings({ ...oidc, SYSTEMMANAGER_SHARED_SECRET, TAILOPS_AUTH_MODE }).settings)
    expect(secretOf('0123456789abcdef')).toEqual(['0123456789abcdef'])
    expect(secretOf('0123456789abcdef', 'oidc')).toEqual([])
    for (const easy of ['0123456789abcde', 'dev-secret-key-change-in-production', 'your-secret-here-please']) {
      expect(secretOf(easy)).toEqual([])
      expect(errorsOf({ SYSTEMMANAGER_SHARED_SECRET: easy })[0]).toContain('too easy to guess')
    }
  })
})

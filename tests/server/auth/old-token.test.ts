import { beforeEach, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { logger } from '../../../src/lib/log.ts'
import { Secret } from '../../../src/lib/secret.ts'
import { oldTokens } from '../../../src/server/auth/old-token.ts'
import { type MovedClock, movedClock } from '../../support/moved-clock.ts'

const key = 'a shared secret of 2025'
/** Made by the algorithm of SystemManager's scripts/mint_token.py, in Python. */
const made =
  'eyJhZ2VudCI6ImxsbS1hZ2VudC0xIiwic2NvcGVzIjpbInJlYWRvbmx5IiwiY29udGFpbmVyOndyaXRlIl0sImV4cGlyeSI6IjIwMjYtMDYtMDFUMDA6MDA6MDAifQ.56b388bcae20541118b7e2d8a9c94f6ec20109ee69283dcc3f06f25cd15abe11'

let clock: MovedClock
let logged: string[]
beforeEach(() => {
  clock = movedClock(new Date('2026-01-01T00:00:00Z'))
  logged = []
})

const verify = (token: string, secret = key) =>
  oldTokens({ secret: new Secret(secret), clock, log: logger('info', (line) => logged.push(line), clock.now) }).verify(
    token,
  )

const claims = { agent: 'a', scopes: ['system:read'], host_tags: [], expiry: '2026-01-02T00:00:00Z' }

function sign(payload: object | string, secret = key): string {
  const encoded = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)).toString('base64url')
  return `${encoded}.${createHmac('sha256', secret).update(encoded).digest('hex')}`
}

test('a token of SystemManager is accepted until it expires, at a time that is UTC', () => {
  expect(verify(made)).toEqual({
    caller: {
      id: 'token:old:llm-agent-1',
      scopes: expect.arrayContaining(['container:control', 'container:read', 'system:read']),
      proof: { kind: 'token', groups: [], tags: [] },
    },
    expiresAt: new Date('2026-06-01T00:00:00Z'),
  })
  clock.advance(new Date('2026-06-01T00:00:00Z').getTime() - clock.now().getTime())
  expect(verify(made)).toBeUndefined()
})

test('each agent is reported once, without its token', () => {
  const tokens = oldTokens({
    secret: new Secret(key),
    clock,
    log: logger('info', (line) => logged.push(line), clock.now),
  })
  for (const token of [made, made, sign(claims)]) expect(tokens.verify(token)).toBeDefined()
  expect(logged).toHaveLength(2)
  expect(logged[0]).toContain('tailops token mint')
  expect(logged.join()).not.toContain(made.slice(0, 20))
})

describe('a token is none', () => {
  test.each<[string, object | string]>([
    ['without expiry', { agent: 'a', scopes: ['admin'] }],
    ['whose expiry is null', { ...claims, expiry: null }],
    ['whose expiry is no time', { ...claims, expiry: 'never' }],
    ['whose expiry is no time, in digits', { ...claims, expiry: '2026-99-99T99:99:99' }],
    ['that lasts for ever', { ...claims, expiry: '9999-12-31T00:00:00' }],
    ['that has expired', { ...claims, expiry: '2025-12-31T23:59:59' }],
    ['that is bound to hosts', { ...claims, host_tags: ['web'] }],
    ['of nobody', { ...claims, agent: null }],
    ['of somebody with a line break', { ...claims, agent: 'a\nb' }],
    ['without scopes', { ...claims, scopes: 'admin' }],
    ['that is no JSON', 'agent'],
    ['that is a list', '[]'],
  ])('%s', (_, payload) => {
    expect(verify(sign(payload))).toBeUndefined()
  })

  test('with a signature of another key, of other words, cut, in capitals, or missing', () => {
    const [payload = '', signature = ''] = sign(claims).split('.')
    const other = sign({ ...claims, scopes: ['admin'] }).split('.')[0]
    expect(verify(`${payload}.${signature}`)).toBeDefined()
    expect(verify(sign(claims, 'another'))).toBeUndefined()
    for (const token of [
      `${other}.${signature}`,
      `${payload}.${signature.slice(0, 62)}`,
      `${payload}.${signature.toUpperCase()}`,
      `${payload}.`,
      payload,
      `.${createHmac('sha256', key).update('').digest('hex')}`,
      `${payload}.${signature}.x`,
      '',
    ])
      expect(verify(token)).toBeUndefined()
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { command, get, type Operation, post } from '../../src/core/operation.ts'
import { openHttp } from '../../src/executors/http.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Secret } from '../../src/lib/secret.ts'
import { connectionTo, failure, perform } from '../support/http-requests.ts'
import { openAuthority, type Seen, type Service, serve } from '../support/https-server.ts'
import { executorConformance } from './conformance.ts'

executorConformance('http', async () => {
  const authority = openAuthority()
  let written = 0
  const service = await serve(
    ({ url }, response) => {
      if (url === '/endless') response.flushHeaders()
      else if (url === '/write') response.end(`${++written}`)
      else
        response.writeHead(url === '/health' ? 200 : 404).end(url === '/health' ? '{"database":"ok"}' : 'no such page')
    },
    authority.sign('localhost', ['DNS:localhost']),
  )
  const executor = openHttp('service', connectionTo(service.url, { caFile: authority.ca }), systemClock)
  return {
    executor,
    read: { operation: get('/health'), output: 'ok' },
    refused: { operation: get('/nothing'), status: 404 },
    endless: get('/endless'),
    isWorking: () => service.pending() > 0,
    foreign: command(['true']),
    writes: {
      done: post('/write', { a: 1 }),
      failed: { operation: post('/nothing'), status: 404 },
      count: () => written,
    },
    close: async () => {
      await service.close()
      authority.remove()
    },
  }
})

describe('a request', () => {
  let service: Service
  beforeAll(async () => {
    service = await serve(answer)
  })
  afterAll(() => service.close())

  function answer({ url }: Seen, response: import('node:http').ServerResponse): void {
    if (url.endsWith('/moved')) response.writeHead(302, { location: 'http://elsewhere.example/' }).end('moved')
    else if (url.endsWith('/broken'))
      response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy())
    else if (url.endsWith('/reset')) response.destroy()
    else if (url.endsWith('/zip')) response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('unzipped'))
    else if (url.endsWith('/empty')) response.writeHead(204, { 'content-encoding': 'gzip' }).end()
    else if (url.endsWith('/huge')) flood(response)
    else response.end('fine')
  }

  function flood(response: import('node:http').ServerResponse): void {
    const more = () => {
      while (!response.destroyed && response.write('ä'.repeat(8192)));
    }
    response.on('drain', more)
    more()
  }

  test('goes below the base URL with its JSON body and the credentials of the target', async () => {
    const connection = {
      ...connectionTo(`${service.url}/api/v1`),
      token: new Secret('s3cret'),
      headers: { 'X-Org': new Secret('7') },
    }
    await perform(connection, post('/silences?all=yes', { comment: 'ä' }))
    const seen = service.seen.at(-1)
    expect(seen).toMatchObject({ method: 'POST', url: '/api/v1/silences?all=yes', body: '{"comment":"ä"}' })
    expect(seen?.headers).toMatchObject({
      authorization: 'Bearer s3cret',
      'x-org': '7',
      'content-type': 'application/json',
    })
  })

  test('logs in with a name and a password where the target says so', async () => {
    await perform({ ...connectionTo(service.url), basic: { username: 'ann', password: new Secret('pä:ss') } }, get('/'))
    const login = String(service.seen.at(-1)?.headers['authorization'])
    expect(Buffer.from(login.replace('Basic ', ''), 'base64').toString()).toBe('ann:pä:ss')
  })

  test('follows no redirect: its answer is the outcome, with the place it points to', async () => {
    const before = service.seen.length
    const outcome = await perform(connectionTo(service.url), get('/moved'))
    expect(outcome).toMatchObject({ ok: true, status: 302, output: 'Location: http://elsewhere.example/\nmoved' })
    expect(service.seen.length - before).toBe(1)
  })

  test('ends reading an endless body at the limit, between two characters', async () => {
    const outcome = await perform(connectionTo(service.url), get('/huge'), { maxOutputBytes: 1001 })
    expect([outcome.output, outcome.truncated]).toEqual(['ä'.repeat(500), true])
  })

  test('reads a compressed body', async () => {
    expect((await perform(connectionTo(service.url), get('/zip'))).output).toBe('unzipped')
  })

  test('is answered without a body', async () => {
    const head: Operation = { kind: 'request', method: 'HEAD', path: '/zip' }
    expect(await perform(connectionTo(service.url), head)).toMatchObject({ ok: true, status: 200, output: '' })
    expect(await perform(connectionTo(service.url), get('/empty'))).toMatchObject({ ok: true, status: 204, output: '' })
  })

  test.each(['/reset', '/broken'])(
    'is interrupted, perhaps done, when the service breaks off after it was sent: %s',
    async (path) => {
      expect(await failure(connectionTo(service.url), post(path))).toMatchObject({ code: 'interrupted' })
    },
  )

  test.each([
    '//evil.example/',
    'http://evil.example/',
    '/a/../b',
    '/a/..',
    '/%2e%2e/b',
    '/a%2f..%2fb',
    '/%252e%252e/b',
    '/a\\..\\b',
    '/a b',
    '/a#b',
    '/a\r\nX: y',
    'a',
    '',
    '@evil.example/',
    '/./a',
  ])('never leaves the base URL: %j', async (path) => {
    const before = service.seen.length
    expect(await failure(connectionTo(`${service.url}/api`), get(path))).toMatchObject({ code: 'invalid_input' })
    expect(service.seen.length).toBe(before)
  })

  test('goes there itself whatever proxy the environment names', async () => {
    process.env['http_proxy'] = 'http://127.0.0.1:9'
    try {
      expect((await perform(connectionTo(service.url), get('/'))).output).toBe('fine')
    } finally {
      Reflect.deleteProperty(process.env, 'http_proxy')
    }
  })

  test('with a credential that no header can carry is not sent, and the credential not shown', async () => {
    const error = await failure({ ...connectionTo(service.url), token: new Secret('line\nend') }, get('/'))
    expect([error.code, `${error.message}${error.hint}`.includes('line\n')]).toEqual(['credentials_rejected', false])
  })
})

describe('a service that cannot be reached', () => {
  test('is named with what is wrong: nothing listens there', async () => {
    const service = await serve(() => undefined)
    await service.close()
    const error = await failure(connectionTo(service.url), get('/'))
    expect(error).toMatchObject({ code: 'unreachable', message: `localhost:${service.port} refuses the connection` })
  })

  test('is named with what is wrong: its name does not exist', async () => {
    const error = await failure(connectionTo('http://nothing.invalid'), get('/'))
    expect(error.code).toBe('unreachable')
    expect(error.message).toContain('nothing.invalid')
  })

  test('is named with what is wrong: it says nothing to a TLS greeting', async () => {
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    // The address of a TCP server is never a path.
    const { port } = silent.address() as AddressInfo
    const connection = { ...connectionTo(`https://127.0.0.1:${port}`), connectTimeoutMs: 100 }
    const error = await failure(connection, get('/'))
    expect(error).toMatchObject({ code: 'unreachable', message: `127.0.0.1:${port} gave no connection within 100 ms` })
    silent.close()
  })

  test('is named with what is wrong: it speaks plain HTTP', async () => {
    const service = await serve((_, response) => response.end())
    const error = await failure(connectionTo(service.url.replace('http:', 'https:')), get('/'))
    expect([error.code, error.hint]).toEqual(['unreachable', 'if it speaks plain HTTP, write base_url: http://…'])
    await service.close()
  })

  test('is named with what is wrong: it has no base_url', async () => {
    const error = await failure({ ...connectionTo(''), baseUrl: undefined }, get('/'))
    expect(error).toMatchObject({ code: 'unreachable', message: 'service has no base_url' })
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import checkCertificate from '../../src/tools/check_ssl_certificate.ts'
import { type Place, probeContext, userland } from '../support/probe-context.ts'

const ask = async (input: Record<string, unknown>, place: Place = {}) =>
  checkCertificate.output.parse(
    await checkCertificate.run(checkCertificate.input.parse({ host: '127.0.0.1', ...input }), probeContext(place)),
  )

let dir = ''
const servers: Server[] = []
const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const

/** A certificate for these names, by our own authority or by itself. */
function certify(name: string, { days = 30, names = `DNS:${name}`, by = 'ca' } = {}): void {
  openssl('req', ...key, '-new', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}/O=Lab, Inc`)
  writeFileSync(join(dir, 'ext'), names === '' ? 'basicConstraints=CA:FALSE\n' : `subjectAltName=${names}\n`)
  const signer = by === 'ca' ? ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'] : ['-signkey', `${name}.key`]
  const options = ['-days', String(days), '-extfile', 'ext', '-out', `${name}.pem`]
  openssl('x509', '-req', '-in', `${name}.csr`, ...signer, ...options)
}

interface Peer {
  readonly host?: string
  /** What it sends on every connection. */
  readonly says?: string
}

/** Serves it on loopback and returns the port. */
async function serve(name: string, chain: readonly string[] = [], more: Peer = {}): Promise<number> {
  const { host = '127.0.0.1', says = '' } = more
  const cert = [name, ...chain].map((one) => readFileSync(join(dir, `${one}.pem`), 'utf8')).join('')
  const server = createServer({ cert, key: readFileSync(join(dir, `${name}.key`)) }, (socket) => socket.end(says))
  server.on('tlsClientError', () => undefined)
  server.listen(0, host)
  await once(server, 'listening')
  servers.push(server)
  const address = server.address()
  return address === null || typeof address === 'string' ? 0 : address.port
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tailops-certificates-'))
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '60', '-subj', '/CN=Lab CA')
  certify('good.lab.test', { names: 'DNS:good.lab.test,DNS:*.lab.test,IP:127.0.0.1,IP:::1' })
  certify('old.lab.test', { days: -1 })
  certify('self.lab.test', { by: 'itself' })
  certify('bare.lab.test', { names: '' })
})
afterAll(() => {
  for (const server of servers) server.close()
  rmSync(dir, { recursive: true })
})

describe('check_ssl_certificate', () => {
  test.each([{ host: '-connect' }, { port: 0 }, { servername: '10.0.0.1 x' }, { servername: '-x' }])(
    'refuses %j',
    (input) => {
      expect(checkCertificate.input.safeParse({ host: 'lab.test', ...input }).success).toBe(false)
    },
  )

  test('finds nothing wrong where the target trusts the authority', async () => {
    const port = await serve('good.lab.test', ['ca'])
    const answer = await ask({ port, servername: 'good.lab.test' }, { env: { SSL_CERT_FILE: join(dir, 'ca.pem') } })
    expect(answer).toMatchObject({
      problems: 'none',
      subject: 'O=Lab\\, Inc,CN=good.lab.test',
      issuer: 'CN=Lab CA',
      names: 'good.lab.test *.lab.test 127.0.0.1 0:0:0:0:0:0:0:1',
      name_matches: true,
      chain_length: 2,
      protocol: 'TLSv1.3',
      verify: 'ok',
    })
    expect(answer.days_left).toBeWithin(29, 31)
    expect(answer.not_after).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d$/)
    expect(answer.not_measured).toBeUndefined()
  })

  test('on a BusyBox userland is the same', async () => {
    using programs = userland(['timeout'], '/usr/bin/busybox')
    execFileSync('ln', ['-s', Bun.which('openssl') ?? '', join(programs.path, 'openssl')])
    const port = await serve('good.lab.test', ['ca'])
    const place = { userland: programs, env: { SSL_CERT_FILE: join(dir, 'ca.pem') } }
    expect(await ask({ port }, place)).toMatchObject({ problems: 'none', name_matches: true, chain_length: 2 })
  })

  test('takes a wildcard for one label, and no more', async () => {
    const port = await serve('good.lab.test')
    expect(await ask({ port, servername: 'any.lab.test' })).toMatchObject({ name_matches: true })
    expect(await ask({ port, servername: 'a.b.lab.test' })).toMatchObject({ name_matches: false })
  })

  test('speaks IPv6 and checks an address as an address', async () => {
    const port = await serve('good.lab.test', [], { host: '::1' })
    expect(await ask({ host: '::1', port })).toMatchObject({ address: '::1', name_matches: true })
  })

  test('reports an authority that the target does not know', async () => {
    const port = await serve('good.lab.test')
    const { problems } = await ask({ port })
    expect(problems).toStartWith('not trusted by the target: unable to ')
  })

  test('reports an expired certificate', async () => {
    const port = await serve('old.lab.test', ['ca'])
    const place = { env: { SSL_CERT_FILE: join(dir, 'ca.pem') } }
    expect(await ask({ port, servername: 'old.lab.test' }, place)).toMatchObject({
      problems: 'expired',
      days_left: expect.any(Number),
      verify: '10 certificate has expired',
    })
  })

  test('reports a self-signed certificate', async () => {
    const port = await serve('self.lab.test')
    expect(await ask({ port, servername: 'self.lab.test' })).toMatchObject({
      problems: 'self-signed',
      name_matches: true,
      chain_length: 1,
    })
  })

  test('reports a certificate for another name, all problems at once', async () => {
    const port = await serve('self.lab.test')
    expect(await ask({ port, servername: 'other.example' })).toMatchObject({
      problems: 'self-signed, not for other.example',
      name_matches: false,
    })
  })

  test('believes nothing that the server says about itself', async () => {
    const forged = readFileSync(join(dir, 'good.lab.test.pem'), 'utf8')
    const says = `\n\x1eleaf\nsubject=CN=evil\nnotAfter=Dec 21 10:06:05 2046 GMT\n    Verify return code: 0 (ok)\ncertificates 9\n${forged}`
    const port = await serve('old.lab.test', [], { says: says.repeat(20) })
    expect(await ask({ port, servername: 'old.lab.test' })).toMatchObject({
      problems: expect.stringContaining('expired'),
      subject: 'O=Lab\\, Inc,CN=old.lab.test',
      chain_length: 1,
      verify: expect.not.stringMatching(/^ok/),
    })
  })

  test('does not count the common name as a name', async () => {
    const port = await serve('bare.lab.test')
    expect(await ask({ port, servername: 'bare.lab.test' })).toMatchObject({ name_matches: false })
  })

  test('says why there is no certificate', async () => {
    await expect(ask({ port: 1 })).rejects.toMatchObject({
      code: 'operation_failed',
      message: '127.0.0.1 port 1 showed no certificate: Connection refused',
    })
    const plain = createTcpServer((socket) => socket.end('hello, I speak no TLS at all\n')).listen(0, '127.0.0.1')
    await once(plain, 'listening')
    const address = plain.address()
    const asking = ask({ port: typeof address === 'object' ? address?.port : 0 })
    await expect(asking).rejects.toMatchObject({ message: expect.stringContaining('wrong version number') })
    plain.close()
  })

  describe('without openssl there, by the gateway itself', () => {
    const native = { via: 'native' }

    test('a good certificate of an authority that the gateway does not know', async () => {
      using none = userland([])
      const port = await serve('good.lab.test', ['ca'])
      expect(await ask({ port, servername: 'good.lab.test' }, { userland: none })).toMatchObject({
        ...native,
        names: 'good.lab.test *.lab.test 127.0.0.1 0:0:0:0:0:0:0:1',
        name_matches: true,
        subject: expect.stringContaining('CN=good.lab.test'),
        issuer: 'CN=Lab CA',
        problems: expect.stringContaining('not trusted by the gateway'),
        chain_length: 2,
        protocol: 'TLSv1.3',
      })
    })

    test.each([
      ['old.lab.test', 'expired'],
      ['self.lab.test', 'self-signed'],
    ])('%s is %s', async (name, problem) => {
      using none = userland([])
      const answer = await ask({ port: await serve(name), servername: name }, { userland: none })
      expect(answer).toMatchObject({ ...native, problems: expect.stringContaining(problem), name_matches: true })
    })

    test('a name that it is not for, and a port that shows none', async () => {
      using none = userland([])
      const port = await serve('good.lab.test')
      const other = await ask({ port, servername: 'other.test' }, { userland: none })
      expect(other).toMatchObject({ name_matches: false, problems: expect.stringContaining('not for other.test') })
      await expect(ask({ port: 1 }, { userland: none })).rejects.toMatchObject({ code: 'operation_failed' })
    })
  })
})

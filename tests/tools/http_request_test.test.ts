import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import httpTest from '../../src/tools/http_request_test.ts'
import { type Authority, openAuthority, type Service, serve } from '../support/https-server.ts'
import { canMakeNamespaces, makeNamespace, type Namespace } from '../support/namespaces.ts'
import { type Place, probeContext, userland } from '../support/probe-context.ts'

const ask = async (input: Record<string, unknown>, place: Place = {}) =>
  httpTest.output.parse(await httpTest.run(httpTest.input.parse(input), probeContext(place)))

let authority: Authority
let web: Service
const services: Service[] = []

beforeAll(async () => {
  authority = openAuthority()
  web = await serve((seen, response) => {
    const to = new URL(seen.url, 'http://x').searchParams.get('to')
    if (to !== null) response.writeHead(302, { location: to }).end('moved')
    else response.writeHead(seen.url === '/missing' ? 404 : 200, { 'content-type': 'text/plain' }).end('hello')
  })
  services.push(web)
})
afterAll(async () => {
  for (const service of services) await service.close()
  authority.remove()
})

const tls = async (certificate: ReturnType<Authority['sign']>): Promise<Service> => {
  const service = await serve((_, response) => response.end('secret body'), certificate)
  services.push(service)
  return service
}
const redirect = (to: string): string => `http://127.0.0.1:${web.port}/?to=${encodeURIComponent(to)}`

describe('http_request_test', () => {
  test.each([
    'ftp://10.0.0.1/',
    'file:///etc/passwd',
    'http://user:pw@10.0.0.1/',
    '--output=/tmp/x',
    'http://a b/',
    'http://10.0.0.1/\nx',
    '10.0.0.1',
    'http://$(id)/',
  ])('refuses %j', (url) => {
    expect(httpTest.input.safeParse({ url }).success).toBe(false)
  })

  test('gives status, times and size, and no body', async () => {
    const answer = await ask({ url: `http://localhost:${web.port}/` })
    expect(answer).toMatchObject({ status: 200, via: 'curl', http: '1.1', type: 'text/plain', size_bytes: 5 })
    for (const time of [answer.dns_ms, answer.connect_ms, answer.first_byte_ms, answer.total_ms])
      expect(time).toBeGreaterThanOrEqual(0)
    expect(JSON.stringify(answer)).not.toContain('hello')
    expect(web.seen.at(-1)).toMatchObject({ method: 'GET', url: '/', headers: { host: `localhost:${web.port}` } })
  })

  test('asks by HEAD, and tells whether the status is the expected one', async () => {
    const url = `http://127.0.0.1:${web.port}/missing`
    expect(await ask({ url, method: 'HEAD', expect_status: 200 })).toMatchObject({ status: 404, as_expected: false })
    expect(web.seen.at(-1)).toMatchObject({ method: 'HEAD', url: '/missing' })
    expect(await ask({ url, expect_status: 404 })).toMatchObject({ as_expected: true })
  })

  test('passes an URL on as it stands: nothing of it is an option, a shell word or a pattern', async () => {
    await ask({ url: `http://127.0.0.1:${web.port}/[1-3]{a,b}?q=$(id)&x=-o%20/tmp/x;'` })
    expect(web.seen.at(-1)?.url).toBe(`/[1-3]%7Ba,b%7D?q=$(id)&x=-o%20/tmp/x;%27`)
  })

  test('follows redirects and tells each', async () => {
    const answer = await ask({ url: redirect(redirect('/end')) })
    expect(answer).toMatchObject({ status: 200, url: `http://127.0.0.1:${web.port}/end` })
    expect(answer.redirects?.map(({ status }) => status)).toEqual([302, 302])
  })

  test('stops at max_redirects, with the place that was not visited', async () => {
    expect(await ask({ url: redirect('/end'), max_redirects: 0 })).toMatchObject({
      status: 302,
      location: `http://127.0.0.1:${web.port}/end`,
      note: 'not followed: max_redirects is 0',
    })
  })

  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/',
    'http://[fd20:ce::254]/',
    'http://metadata.google.internal/',
    'http://METADATA.google.internal./',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://0xA9.0376.43518/',
    'http://0251.0376.0251.0376/',
    'http://[::ffff:169.254.169.254]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    '//169.254.169.254/',
  ])('refuses a redirect to %s, and tells what was before it', async (to) => {
    await expect(ask({ url: redirect(to) }, { networks: ['0.0.0.0/0', '::/0'] })).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringMatching(/^redirect 1: .* metadata address.*; before it .* answered 302$/),
    })
  })

  test.each([
    ['http://192.0.2.1/', 'outside the networks'],
    ['ftp://127.0.0.1/', 'not http'],
    ['file:///etc/passwd', 'not http'],
    ['http://user:pw@127.0.0.1/', 'credentials'],
  ])('refuses a redirect to %s', async (to, why) => {
    await expect(ask({ url: redirect(to) })).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining(why),
    })
  })

  test('finds nothing wrong with a certificate that the target trusts', async () => {
    const { port } = await tls(authority.sign('good', ['DNS:localhost']))
    const answer = await ask({ url: `https://localhost:${port}/` }, { env: { CURL_CA_BUNDLE: authority.ca } })
    expect(answer).toMatchObject({ status: 200, via: 'curl' })
    expect(answer.certificate).toBeUndefined()
    expect(answer.tls_ms).toBeGreaterThan(0)
  })

  test.each([
    ['expired', /expired/, () => authority.sign('old', ['DNS:localhost'], -1)],
    ['for another name', /does not match|no alternative/, () => authority.sign('other', ['DNS:other.test'])],
    ['self-signed', /self.signed/, () => authority.selfSigned('self')],
  ])('reports a certificate that is %s, and asks again without verification', async (_, words, certificate) => {
    const { port } = await tls(certificate())
    const answer = await ask({ url: `https://localhost:${port}/` }, { env: { CURL_CA_BUNDLE: authority.ca } })
    expect(answer).toMatchObject({ status: 200, via: 'curl, certificate not verified', size_bytes: 11 })
    expect(answer.certificate).toMatch(words)
  })

  test('cuts a body without end', async () => {
    const flood = await serve((_, response) => {
      const pour = (): void => {
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', pour)
      }
      pour()
    })
    services.push(flood)
    const answer = await ask({ url: `http://127.0.0.1:${flood.port}/` })
    expect(answer.size_bytes).toBeWithin(9 * 1024 * 1024, 12 * 1024 * 1024)
    expect(answer).toMatchObject({ status: 200, note: 'the body was cut after about 10 MiB' })
  })

  test('ignores proxies of the environment', async () => {
    const env = { http_proxy: 'http://127.0.0.1:1', ALL_PROXY: 'http://127.0.0.1:1' }
    expect(await ask({ url: `http://127.0.0.1:${web.port}/` }, { env })).toMatchObject({ status: 200 })
  })

  test('says why nothing answered', async () => {
    await expect(ask({ url: 'http://127.0.0.1:1/' })).rejects.toMatchObject({
      code: 'operation_failed',
      message: expect.stringContaining('connect'),
    })
  })

  test('takes GNU wget where there is no curl, and says what that does not measure', async () => {
    using programs = userland(['wget', 'wc', 'tr', 'timeout', 'getent'])
    const place = { userland: programs }
    const answer = await ask({ url: redirect(`http://localhost:${web.port}/end`) }, place)
    expect(answer).toMatchObject({ status: 200, via: 'wget', size_bytes: 5, type: 'text/plain' })
    expect(answer.not_measured).toContain('times of connecting and first byte')
    expect(web.seen.at(-1)).toMatchObject({ url: '/end', headers: { host: `localhost:${web.port}` } })
    await expect(ask({ url: redirect('http://169.254.169.254/') }, place)).rejects.toMatchObject({ code: 'denied' })
    expect(await ask({ url: `http://127.0.0.1:${web.port}/missing`, method: 'HEAD' }, place)).toMatchObject({
      status: 404,
    })
  })

  test('asks by itself where there is neither curl nor GNU wget, and checks each redirect all the same', async () => {
    // BusyBox wget would follow redirects unchecked.
    using programs = userland(['wget', 'timeout'], '/usr/bin/busybox')
    const place = { userland: programs }
    const answer = await ask({ url: redirect(`http://127.0.0.1:${web.port}/end`) }, place)
    expect(answer).toMatchObject({ status: 200, via: 'native', size_bytes: 5, type: 'text/plain', http: '1.1' })
    expect(answer.total_ms).toBeGreaterThan(0)
    await expect(ask({ url: redirect('http://169.254.169.254/') }, place)).rejects.toMatchObject({ code: 'denied' })
    const secure = await tls(authority.sign('elsewhere.test', ['DNS:elsewhere.test']))
    expect(await ask({ url: `https://localhost:${secure.port}/end` }, place)).toMatchObject({
      status: 200,
      via: 'native, certificate not verified',
      certificate: expect.stringContaining('it is not for localhost'),
    })
    await expect(ask({ url: 'http://127.0.0.1:1/' }, place)).rejects.toMatchObject({ code: 'operation_failed' })
  })
})

/** A machine's resolver that answers `rebind.test` with another address at every question: 127.0.0.1, then 127.0.0.66. */
function rebinding(): ReturnType<typeof userland> {
  const programs = userland(['curl', 'mkdir'])
  const flag = join(programs.path, 'asked')
  const getent = join(programs.path, 'getent')
  writeFileSync(
    getent,
    `#!/usr/bin/dash\nif mkdir ${flag}; then echo '127.0.0.1 STREAM'; else echo '169.254.169.254 STREAM'; fi\n`,
  )
  chmodSync(getent, 0o755)
  return programs
}

describe('http_request_test and names that change between check and use', () => {
  test('asks the address that was checked, and resolves the name no second time', async () => {
    using programs = rebinding()
    const answer = await ask({ url: `http://rebind.test:${web.port}/` }, { userland: programs })
    expect(answer).toMatchObject({ status: 200, address: '127.0.0.1' })
    expect(web.seen.at(-1)?.headers['host']).toBe(`rebind.test:${web.port}`)
  })

  test('checks the name anew at a redirect', async () => {
    using programs = rebinding()
    const url = `http://rebind.test:${web.port}/?to=${encodeURIComponent(`http://rebind.test:${web.port}/again`)}`
    await expect(ask({ url }, { userland: programs })).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining('(169.254.169.254) is a cloud'),
    })
    expect(web.seen.at(-1)?.url).not.toBe('/again')
  })
})

/** getent and curl of a machine whose resolver is at this address. */
function resolvingBy(address: string): ReturnType<typeof userland> {
  const programs = userland([])
  const conf = join(programs.path, 'resolv.conf')
  writeFileSync(conf, `nameserver ${address}\n`)
  for (const program of ['getent', 'curl']) {
    const inside = `/usr/bin/mount --bind ${conf} /etc/resolv.conf && exec "$0" "$@"`
    const wrapper = join(programs.path, program)
    writeFileSync(
      wrapper,
      `#!/usr/bin/dash\nexec /usr/bin/unshare -m /usr/bin/dash -c '${inside}' /usr/bin/${program} "$@"\n`,
    )
    chmodSync(wrapper, 0o755)
  }
  return programs
}

const dnsServer = `
const { createSocket } = require('node:dgram')
const socket = createSocket('udp4')
let asked = 0
socket.on('message', (query, from) => {
  let end = 12
  while (query[end] !== 0) end += query[end] + 1
  const isA = query.readUInt16BE(end + 1) === 1
  const head = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0])
  const last = isA && asked++ === 0 ? 1 : 66
  const answer = isA ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last]) : Buffer.alloc(0)
  socket.send(Buffer.concat([head, query.subarray(12, end + 5), answer]), from.port, from.address)
})
const { createServer } = require('node:http')
createServer((request, response) => response.end('checked')).listen(80, '127.0.0.1', () =>
  createServer((request, response) => response.writeHead(500).end('rebound')).listen(80, '127.0.0.66', () =>
    socket.bind(53, '127.0.0.1', () => console.log('ready')),
  ),
)
`

describe.skipIf(!canMakeNamespaces)('http_request_test with a DNS server that alternates its answers', () => {
  let namespace: Namespace
  let stop: () => Promise<void>
  beforeAll(async () => {
    namespace = makeNamespace()
    const argv = [`--net=/run/netns/${namespace.name}`, process.execPath, '-e', dnsServer]
    const server = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(server.stdout, 'data')
    stop = async () => {
      server.kill()
      await once(server, 'exit')
    }
  })
  afterAll(async () => {
    await stop()
    namespace[Symbol.dispose]()
  })

  test('asks the first address, which was the checked one', async () => {
    using programs = resolvingBy('127.0.0.1')
    const place = { userland: programs, netns: namespace.name, networks: ['127.0.0.1/32'] }
    const url = 'http://rebind.test/'
    expect(await ask({ url }, place)).toMatchObject({ status: 200, address: '127.0.0.1', size_bytes: 7 })
    await expect(ask({ url }, place)).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining('127.0.0.66'),
    })
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { get } from '../../src/core/operation.ts'
import { connectionTo, failure, perform } from '../support/http-requests.ts'
import { type Authority, type Certificate, openAuthority, type Service, serve } from '../support/https-server.ts'

describe('a certificate', () => {
  let authority: Authority
  const services: Service[] = []
  beforeAll(() => {
    authority = openAuthority()
  })
  afterAll(async () => {
    for (const service of services) await service.close()
    authority.remove()
  })

  async function serving(certificate: Certificate & { readonly clientCa?: string }): Promise<Service> {
    const service = await serve((_, response) => response.end('fine'), certificate)
    services.push(service)
    return service
  }
  const fingerprintOf = ({ cert }: Certificate) => new X509Certificate(readFileSync(cert)).fingerprint256

  test('that is self-signed is refused with the line that would accept it, and that line does', async () => {
    const own = authority.selfSigned('own')
    const { url } = await serving(own)
    const error = await failure(connectionTo(url), get('/'))
    expect(error.message).toMatch(/^the certificate of localhost:\d+ is self-signed; accepted with/)
    expect(error.message).toContain(`tls: { fingerprint: "${fingerprintOf(own)}" }`)
    expect(
      (await perform(connectionTo(url, { fingerprints: [fingerprintOf(own).toLowerCase()] }), get('/'))).output,
    ).toBe('fine')
    expect((await perform(connectionTo(url, { caFile: own.cert }), get('/'))).output).toBe('fine')
    expect((await perform(connectionTo(url, { verify: false }), get('/'))).output).toBe('fine')
  })

  test('of an unknown authority is refused, and accepted with ca_file', async () => {
    const { url } = await serving(authority.sign('unknown', ['DNS:localhost']))
    const error = await failure(connectionTo(url), get('/'))
    expect(error.message).toContain('is signed by "Our Test Authority", which this machine does not know')
    expect(error.message).toContain('tls: { ca_file: FILE }')
    expect((await perform(connectionTo(url, { caFile: authority.ca }), get('/'))).output).toBe('fine')
  })

  test('that has expired is refused, with the day', async () => {
    const { url } = await serving(authority.sign('expired', ['DNS:localhost'], -1))
    const error = await failure(connectionTo(url, { caFile: authority.ca }), get('/'))
    expect([error.code, error.message]).toEqual(['unreachable', expect.stringContaining('expired on ')])
  })

  test('of another host is refused with the names it has, and accepted with server_name', async () => {
    const { url, port } = await serving(authority.sign('other', ['DNS:other.example', 'DNS:second.example']))
    const rules = { caFile: authority.ca }
    const error = await failure(connectionTo(url, rules), get('/'))
    expect(error.message).toContain('is not for localhost but for other.example, second.example')
    expect(error.message).toContain('tls: { server_name: other.example }')
    expect((await perform(connectionTo(url, { ...rules, serverName: 'other.example' }), get('/'))).output).toBe('fine')
    const byAddress = await failure(connectionTo(`https://127.0.0.1:${port}`, rules), get('/'))
    expect(byAddress.message).toContain('is not for 127.0.0.1 but for other.example')
  })

  test('that is not the pinned one is refused although its chain verifies, before anything is sent', async () => {
    const service = await serving(authority.sign('renewed', ['DNS:localhost']))
    const fingerprint = fingerprintOf(authority.selfSigned('before'))
    const error = await failure(
      connectionTo(service.url, { caFile: authority.ca, fingerprints: [fingerprint] }),
      get('/'),
    )
    expect(error).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('is not the pinned one'),
    })
    expect(service.seen).toEqual([])
  })

  test('of ours is shown where the service asks for one; without it we are rejected', async () => {
    const ours = authority.sign('ours', ['DNS:gateway'])
    const { url } = await serving({ ...authority.sign('asking', ['DNS:localhost']), clientCa: authority.ca })
    const rules = { caFile: authority.ca }
    const mutual = connectionTo(url, { ...rules, certFile: ours.cert, keyFile: ours.key })
    expect((await perform(mutual, get('/'))).output).toBe('fine')
    expect(await failure(connectionTo(url, rules), get('/'))).toMatchObject({ code: 'credentials_rejected' })
  })

  test('of ours that is none is named', async () => {
    const rules = { certFile: `${authority.dir}/ca.key`, keyFile: authority.ca }
    const error = await failure(connectionTo('https://localhost:1', rules), get('/'))
    expect([error.code, error.message]).toEqual(['unreachable', expect.stringContaining('the files under tls')])
  })

  test('whose authority file cannot be read is named', async () => {
    const error = await failure(connectionTo('https://localhost:1', { caFile: '/nowhere/ca.pem' }), get('/'))
    expect(error).toMatchObject({ code: 'unreachable', message: 'cannot read tls.ca_file /nowhere/ca.pem: ENOENT' })
  })
})

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DockerConnection } from '../../src/core/connection.ts'
import { get } from '../../src/core/operation.ts'
import { openDocker } from '../../src/executors/docker.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { canStartEngines, type DockerEngine, freePort, startEngine } from '../support/docker-engine.ts'
import { type Authority, openAuthority, type Service, serve } from '../support/https-server.ts'
import { limits } from './conformance.ts'

// A test that takes too long would end the processes of all others.
setDefaultTimeout(60_000)

const ask = (connection: Partial<DockerConnection>) => {
  const whole = { kind: 'docker', socketPath: '/nowhere', tlsVerify: true, ...connection } as const
  return openDocker('box', whole, systemClock)
    .perform(get('/containers/json'), limits())
    .catch((error) => error)
}

describe.skipIf(!canStartEngines)('an engine that asks for certificates', () => {
  let engine: DockerEngine
  let port = 0
  let ours: Partial<DockerConnection>
  /** A folder with our certificates, of which a test replaces some. */
  const folder = (name: string): string => {
    const path = join(engine.dir, name)
    mkdirSync(path)
    for (const file of ['ca.pem', 'cert.pem', 'key.pem'])
      copyFileSync(join(engine.dir, 'client', file), join(path, file))
    return path
  }
  beforeAll(async () => {
    port = await freePort()
    engine = await startEngine({ tlsPort: port })
    ours = engine.secure ?? {}
  })
  afterAll(() => engine.stop())

  test('is reached by tcp:// and by https://, and without its own being checked where that is not wanted', async () => {
    expect(await ask(ours)).toMatchObject({ ok: true })
    expect(await ask({ ...ours, host: `https://127.0.0.1:${port}` })).toMatchObject({ ok: true })
    expect(await ask({ ...ours, host: `tcp://localhost:${port}`, tlsVerify: false })).toMatchObject({ ok: true })
  })

  test('whose name is another one is not trusted', async () => {
    expect(await ask({ ...ours, host: `tcp://localhost:${port}` })).toMatchObject({
      code: 'unreachable',
      message: `the certificate of tcp://localhost:${port} is for another name`,
      hint: expect.stringContaining('connection.host'),
    })
  })

  test('whose authority is another one is not trusted', async () => {
    const stranger = join(engine.dir, 'stranger')
    engine.certify(stranger)
    const refused = { code: 'unreachable', hint: expect.stringContaining('ca.pem') }
    expect(await ask({ ...ours, certPath: stranger })).toMatchObject(refused)
    expect(await ask({ ...ours, certPath: undefined })).toMatchObject(refused)
  })

  test('does not take a certificate of another authority, nor none', async () => {
    const foreign = join(engine.dir, 'foreign')
    engine.certify(foreign, { trusting: true })
    const refused = { code: 'credentials_rejected', hint: expect.stringContaining('connection.cert_path') }
    expect(await ask({ ...ours, certPath: foreign })).toMatchObject(refused)
    expect(await ask({ host: `https://127.0.0.1:${port}`, tlsVerify: false })).toMatchObject(refused)
  })

  test('gets no request with certificates that cannot be used', async () => {
    const broken = folder('broken')
    writeFileSync(join(broken, 'cert.pem'), 'no certificate')
    const refused = { code: 'credentials_rejected', hint: expect.stringContaining('cert.pem') }
    expect(await ask({ ...ours, certPath: broken })).toMatchObject(refused)
    const mixed = folder('mixed')
    engine.certify(join(engine.dir, 'another'))
    copyFileSync(join(engine.dir, 'another/key.pem'), join(mixed, 'key.pem'))
    expect(await ask({ ...ours, certPath: mixed })).toMatchObject(refused)
  })

  test('that is asked without TLS says so', async () => {
    expect(await ask({ host: `tcp://127.0.0.1:${port}`, tlsVerify: false })).toMatchObject({
      code: 'unexpected_reply',
      hint: expect.stringContaining('tls_verify'),
    })
  })
})

describe('an engine behind TLS', () => {
  let authority: Authority
  let service: Service | undefined
  beforeAll(() => {
    authority = openAuthority()
  })
  afterAll(async () => {
    await service?.close()
    authority.remove()
  })

  test('whose certificate has expired is not trusted', async () => {
    const certificate = authority.sign('old', ['IP:127.0.0.1'], -1)
    service = await serve((_seen, response) => response.end('{"ApiVersion":"1.41"}'), certificate)
    copyFileSync(certificate.cert, join(authority.dir, 'cert.pem'))
    copyFileSync(certificate.key, join(authority.dir, 'key.pem'))
    const connection = { host: `tcp://127.0.0.1:${service.port}`, certPath: authority.dir }
    expect(await ask(connection)).toMatchObject({
      code: 'unreachable',
      message: `the certificate of ${connection.host} has expired`,
      hint: expect.stringContaining('renew'),
    })
    expect(service.seen).toEqual([])
    expect(await ask({ ...connection, tlsVerify: false })).toMatchObject({ ok: true })
  })

  test('that does not speak TLS says so', async () => {
    const plain = await serve((_seen, response) => response.end('{"ApiVersion":"1.41"}'))
    expect(await ask({ host: `tcp://127.0.0.1:${plain.port}` })).toMatchObject({
      code: 'unreachable',
      message: `tcp://127.0.0.1:${plain.port} does not speak TLS`,
    })
    expect(await ask({ host: `tcp://127.0.0.1:${plain.port}`, tlsVerify: false })).toMatchObject({ ok: true })
    await plain.close()
  })
})

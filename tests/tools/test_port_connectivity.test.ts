import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import testPorts from '../../src/tools/test_port_connectivity.ts'
import { canMakeNamespaces, makeNamespace } from '../support/namespaces.ts'
import { type Place, probeContext, type Userland, userland } from '../support/probe-context.ts'

const ask = async (input: Record<string, unknown>, place: Place = {}) =>
  testPorts.output.parse(await testPorts.run(testPorts.input.parse(input), probeContext(place)))

/** The three ways to connect, by the programs of a target. */
const userlands: readonly (readonly [string, () => Userland])[] = [
  ['bash', () => userland(['bash', 'timeout'])],
  ['nc', () => userland(['nc'])],
  ['busybox nc', () => userland(['nc'], '/usr/bin/busybox')],
]

async function listen(host: string): Promise<readonly [Server, number]> {
  // A server that keeps connections open, as most do: the test must not wait for it.
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  return [server, address.port]
}

describe('test_port_connectivity', () => {
  let servers: readonly (readonly [Server, number])[]
  beforeAll(async () => {
    servers = [await listen('127.0.0.1'), await listen('::1')]
  })
  afterAll(() => {
    for (const [server] of servers) server.close()
  })

  test.each([
    { ports: [] },
    { ports: [0] },
    { ports: [65_536] },
    { ports: Array.from({ length: 21 }, (_, at) => at + 1) },
    { host: '-e' },
    { timeout: 60 },
  ])('refuses %j', (input) => {
    expect(testPorts.input.safeParse({ host: 'localhost', ports: [22], ...input }).success).toBe(false)
  })

  test.each(userlands)('tells open from closed by %s, in the order asked, each once', async (program, make) => {
    using programs = make()
    for (const [at, host] of ['127.0.0.1', '::1'].entries()) {
      const port = servers[at]?.[1] ?? 0
      const answer = await ask({ host, ports: [port, 1, port] }, { userland: programs })
      expect(answer).toMatchObject({
        address: host,
        program,
        ports: [
          { port, state: 'open' },
          { port: 1, state: 'closed' },
        ],
      })
      expect(answer.ports[0]?.latency_ms).toBeGreaterThanOrEqual(0)
    }
  })

  test('asks twenty ports at once', async () => {
    const ports = Array.from({ length: 20 }, (_, at) => at + 1)
    const answer = await ask({ host: '127.0.0.1', ports })
    expect(answer.ports.map(({ port }) => port)).toEqual(ports)
  })

  test('names what is missing where there is no program', async () => {
    using programs = userland([])
    await expect(ask({ host: '127.0.0.1', ports: [22] }, { userland: programs })).rejects.toMatchObject({
      code: 'unsupported_target',
      message: 'local has neither bash 5 with timeout nor nc',
    })
  })

  test('connects to nothing outside the networks of the target', async () => {
    const asking = ask({ host: '127.0.0.1', ports: [22] }, { networks: ['10.0.0.0/8'] })
    await expect(asking).rejects.toMatchObject({ code: 'denied', hint: expect.stringContaining('127.0.0.1/32') })
  })
})

describe.skipIf(!canMakeNamespaces)('test_port_connectivity behind a firewall', () => {
  test.each(userlands)(
    'calls a port filtered when nothing answers %s',
    async (program, make) => {
      using namespace = makeNamespace()
      namespace.run('iptables', '-A', 'INPUT', '-p', 'tcp', '--dport', '9', '-j', 'DROP')
      using programs = make()
      const place = { userland: programs, netns: namespace.name }
      const answer = await ask({ host: '127.0.0.1', ports: [9, 10], timeout: 1 }, place)
      expect(answer).toMatchObject({
        program,
        ports: [
          { port: 9, state: 'filtered' },
          { port: 10, state: 'closed' },
        ],
      })
      expect(answer.ports[0]?.latency_ms).toBeUndefined()
    },
    20_000,
  )
})

import { describe, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import pingHost from '../../src/tools/ping_host.ts'
import { canMakeNamespaces, makeNamespace } from '../support/namespaces.ts'
import { type Place, probeContext, userland } from '../support/probe-context.ts'

const busybox = '/usr/bin/busybox'

const ask = async (input: Record<string, unknown>, place: Place = {}) =>
  pingHost.output.parse(await pingHost.run(pingHost.input.parse(input), probeContext(place)))

describe('ping_host', () => {
  test.each([{ count: 0 }, { count: 1.5 }, { host: '-f' }, { host: 'a b' }, { tcp_port: 0 }])('refuses %j', (input) => {
    expect(pingHost.input.safeParse({ host: 'localhost', ...input }).success).toBe(false)
  })

  test.each([['127.0.0.1'], ['::1'], ['localhost']])('reaches %s with the ping of iputils', async (host) => {
    const answer = await ask({ host, count: 1 })
    expect(answer).toMatchObject({ method: 'icmp', reachable: true, sent: 1, received: 1, loss_percent: 0 })
    expect(answer.avg_ms).toBeGreaterThanOrEqual(0)
  })

  test.each([['127.0.0.1'], ['::1'], ['localhost']])('reaches %s with the ping of BusyBox', async (host) => {
    using programs = userland(['ping', 'ping6', 'nslookup'], busybox)
    const answer = await ask({ host, count: 1 }, { userland: programs })
    expect(answer).toMatchObject({ method: 'icmp', reachable: true, sent: 1, received: 1 })
  })

  test('clamps the count, and says so', async () => {
    using programs = userland(['nc'])
    const answer = await ask({ host: '127.0.0.1', count: 1000, tcp_port: 1 }, { userland: programs })
    expect(answer).toMatchObject({ sent: 20, received: 20 })
    expect(answer.note).toStartWith('count clamped to 20; TCP connections')
  })

  test('sends nothing outside the networks of the target', async () => {
    await expect(ask({ host: '192.0.2.1' })).rejects.toMatchObject({ code: 'denied' })
  })

  test('names what is missing where there is no program at all', async () => {
    using programs = userland([])
    await expect(ask({ host: '127.0.0.1' }, { userland: programs })).rejects.toMatchObject({
      code: 'unsupported_target',
      message: 'no way to reach 127.0.0.1 from local: the target has no ping, nor is there bash or nc',
    })
  })

  test('asks by TCP where there is no ping, and a machine that refuses has answered', async () => {
    using programs = userland(['nc'])
    const answer = await ask({ host: '127.0.0.1', count: 2, tcp_port: 1 }, { userland: programs })
    expect(answer).toMatchObject({ method: 'tcp', reachable: true, sent: 2, received: 2 })
    expect(answer.note).toBe(
      'TCP connections to port 1 by nc: the target has no ping; a refused one counts as an answer',
    )
  })
})

describe.skipIf(!canMakeNamespaces)('ping_host in a network of its own', () => {
  test('asks by TCP where ICMP is not permitted, and says so', async () => {
    using programs = userland(['ping', 'nc'], busybox)
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
    const port = await new Promise((listening) =>
      server.once('listening', () => {
        const address = server.address()
        listening(typeof address === 'object' ? address?.port : undefined)
      }),
    )
    const answer = await ask(
      { host: '127.0.0.1', count: 1, tcp_port: port },
      { userland: programs, withoutRawSockets: true },
    )
    server.close()
    expect(answer).toMatchObject({ method: 'tcp', reachable: true, received: 1 })
    expect(answer.note).toContain('ICMP is not permitted there')
  })

  test.each([
    ['iputils', undefined],
    ['BusyBox', busybox],
  ])(
    'gives the figures of the packets that came back to %s',
    async (_, from) => {
      using namespace = makeNamespace()
      const everySecond = ['-m', 'statistic', '--mode', 'nth', '--every', '2', '--packet', '1']
      namespace.run(
        'iptables',
        '-A',
        'INPUT',
        '-p',
        'icmp',
        '--icmp-type',
        'echo-request',
        ...everySecond,
        '-j',
        'DROP',
      )
      using programs = userland(['ping'], from)
      const answer = await ask({ host: '127.0.0.1', count: 2 }, { userland: programs, netns: namespace.name })
      expect(answer).toMatchObject({ reachable: true, sent: 2, received: 1, loss_percent: 50 })
      expect(answer.avg_ms).toBeGreaterThanOrEqual(0)
    },
    20_000,
  )

  test.each([
    ['iputils', undefined],
    ['BusyBox', busybox],
  ])('says that the network is unreachable, with %s', async (_, from) => {
    using namespace = makeNamespace()
    using programs = userland(['ping'], from)
    const answer = await ask({ host: '10.8.8.8', count: 1 }, { userland: programs, netns: namespace.name })
    expect(answer).toMatchObject({ reachable: false, sent: 0, loss_percent: 100 })
    expect(answer.said).toContain('Network is unreachable')
  })
})

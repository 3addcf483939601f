import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import dnsLookup from '../../src/tools/dns_lookup.ts'
import { canMakeNamespaces, makeNamespace, type Namespace } from '../support/namespaces.ts'
import { type Place, probeContext, userland } from '../support/probe-context.ts'

const ask = async (input: Record<string, unknown>, place: Place = {}) =>
  dnsLookup.output.parse(await dnsLookup.run(dnsLookup.input.parse(input), probeContext(place)))

const resolver = '127.0.0.153'
const zone = [
  '--local=/lab.test/',
  '--host-record=web.lab.test,10.1.2.3,fd00::3,300',
  '--cname=www.lab.test,web.lab.test',
  '--mx-host=lab.test,mail.lab.test,10',
  '--txt-record=lab.test,v=spf1 -all',
  '--srv-host=_sip._tcp.lab.test,sip.lab.test,5060,1,2',
  '--ptr-record=3.2.1.10.in-addr.arpa,web.lab.test',
  '--dns-rr=lab.test,2,026e73036c6162047465737400',
]

const programs = [
  ['dig', ['dig', 'timeout'], undefined],
  ['drill', ['drill', 'timeout'], undefined],
  ['nslookup', ['nslookup', 'timeout'], undefined],
  ['host', ['host', 'timeout'], undefined],
  ['busybox nslookup', ['nslookup', 'timeout'], '/usr/bin/busybox'],
] as const

describe('dns_lookup', () => {
  test.each([{ name: '-x' }, { name: '@10.0.0.1' }, { name: 'a b' }, { type: 'AXFR' }, { resolver: 'ns.example' }])(
    'refuses %j',
    (input) => {
      expect(dnsLookup.input.safeParse({ name: 'lab.test', ...input }).success).toBe(false)
    },
  )

  test('asks no resolver outside the networks of the target', async () => {
    await expect(ask({ name: 'lab.test', resolver: '8.8.8.8' })).rejects.toMatchObject({ code: 'denied' })
  })

  test('sends an address to PTR', async () => {
    await expect(ask({ name: '10.1.2.3' })).rejects.toMatchObject({ code: 'invalid_input', hint: 'ask for type PTR' })
  })

  test('takes getent where there is nothing else, for addresses only', async () => {
    using getent = userland(['getent'])
    expect(await ask({ name: 'localhost', type: 'A' }, { userland: getent })).toMatchObject({
      program: 'getent',
      status: 'NOERROR',
      records: [{ type: 'A', value: '127.0.0.1' }],
      note: expect.stringContaining('/etc/hosts'),
    })
    await expect(ask({ name: 'lab.test', type: 'MX' }, { userland: getent })).rejects.toMatchObject({
      code: 'unsupported_target',
      message: 'not measured: no dig, host, drill or nslookup there to ask for MX',
    })
    using none = userland([])
    await expect(ask({ name: 'lab.test' }, { userland: none })).rejects.toMatchObject({
      code: 'unsupported_target',
      message: 'not measured: no dig, host, drill, nslookup or getent there to ask for A',
    })
  })
})

describe.skipIf(!canMakeNamespaces)('dns_lookup by a real resolver', () => {
  let namespace: Namespace
  let server: ChildProcess
  beforeAll(async () => {
    namespace = makeNamespace()
    const options = [
      '--no-daemon',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      `--listen-address=${resolver}`,
    ]
    const argv = [`--net=/run/netns/${namespace.name}`, 'dnsmasq', ...options, '--bind-interfaces', ...zone]
    server = spawn('nsenter', argv, { stdio: ['ignore', 'ignore', 'pipe'] })
    if (server.stderr !== null) await once(server.stderr, 'data')
  })
  afterAll(async () => {
    server.kill()
    await once(server, 'exit')
    namespace[Symbol.dispose]()
  })

  test.each(programs)(
    'reads every type by %s',
    async (program, names, from) => {
      using tools = userland(names, from)
      const look = async (name: string, type: string) => {
        const answer = await ask({ name, type, resolver }, { userland: tools, netns: namespace.name })
        expect(answer).toMatchObject({ program, status: 'NOERROR' })
        return answer.records.map((record) => `${record.name} ${record.type} ${record.value}`)
      }
      expect(await look('web.lab.test', 'A')).toEqual(['web.lab.test A 10.1.2.3'])
      expect(await look('www.lab.test', 'AAAA')).toEqual([
        'www.lab.test CNAME web.lab.test',
        'web.lab.test AAAA fd00::3',
      ])
      expect(await look('lab.test', 'MX')).toEqual(['lab.test MX 10 mail.lab.test'])
      expect(await look('lab.test', 'TXT')).toEqual(['lab.test TXT "v=spf1 -all"'])
      expect(await look('www.lab.test', 'CNAME')).toEqual(['www.lab.test CNAME web.lab.test'])
      expect(await look('lab.test', 'NS')).toEqual(['lab.test NS ns.lab.test'])
      expect(await look('_sip._tcp.lab.test', 'SRV')).toEqual(['_sip._tcp.lab.test SRV 1 2 5060 sip.lab.test'])
      expect(await look('10.1.2.3', 'PTR')).toEqual(['3.2.1.10.in-addr.arpa PTR web.lab.test'])
      expect(await look('web.lab.test', 'MX')).toEqual([])
    },
    20_000,
  )

  test.each(programs)(
    'tells a name that is not there from a resolver that is not, by %s',
    async (_, names, from) => {
      using tools = userland(names, from)
      const place = { userland: tools, netns: namespace.name }
      expect(await ask({ name: 'nope.lab.test', resolver }, place)).toMatchObject({ status: 'NXDOMAIN', records: [] })
      expect(await ask({ name: 'web.lab.test', resolver: '127.0.0.154' }, place)).toMatchObject({ status: 'no_reply' })
    },
    30_000,
  )

  test('gives the time to live where the program tells it', async () => {
    const answer = await ask({ name: 'web.lab.test', resolver }, { netns: namespace.name })
    expect(answer.records).toEqual([{ type: 'A', name: 'web.lab.test', value: '10.1.2.3', ttl: 300 }])
  })
})

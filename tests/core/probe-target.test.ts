import { describe, expect, test } from 'bun:test'
import { pin, pinAll, probeHost, requireAllowed } from '../../src/core/probe-target.ts'
import { probeContext } from '../support/probe-context.ts'
import { replayContext } from '../support/shell-context.ts'

/** A target whose resolver answers this. */
const resolving = (...addresses: readonly string[]) =>
  replayContext(['used getent', ...addresses.map((address) => `address ${address}`), ''].join('\n'))

describe('hosts of probes', () => {
  test.each([
    'nas',
    'a.b-c.example.',
    '_sip._tcp.example.org',
    '10.0.0.1',
    '::1',
    'fe80::1%eth0',
    'xn--bcher-kva.example',
  ])('takes %j', (host) => {
    expect(probeHost.safeParse(host).success).toBe(true)
  })

  test.each([
    '',
    '-x',
    'a b',
    'a\nb',
    'a\0',
    'a;b',
    '$(id)',
    '@resolver',
    'a..b',
    '.',
    '/etc',
    `${'a'.repeat(64)}.b`,
    `${'a.'.repeat(127)}a`,
  ])('refuses %j', (host) => {
    expect(probeHost.safeParse(host).success).toBe(false)
  })
})

describe('networks of probes', () => {
  test.each(['10.1.1.1', '172.31.0.1', '192.168.7.7', '127.0.0.1', '100.64.0.9', '::1', 'fd00::1', 'fe80::1%eth0'])(
    'reach %s when the target names none',
    async (host) => {
      expect(await pin(host, undefined, probeContext())).toMatchObject({ address: host })
    },
  )

  test.each(['8.8.8.8', '169.254.1.1', '172.32.0.1', '100.128.0.1', '0.0.0.0', '::', '2001:db8::1', '255.255.255.255'])(
    'do not reach %s when the target names none',
    async (host) => {
      await expect(pin(host, undefined, probeContext())).rejects.toMatchObject({ code: 'denied' })
    },
  )

  test('names the line of targets.yaml that would allow it', async () => {
    await expect(pin('192.0.2.7', undefined, probeContext({ networks: ['10.0.0.0/8'] }))).rejects.toMatchObject({
      code: 'denied',
      message: '192.0.2.7 is outside the networks that probes from local may reach',
      hint: 'the operator can set networks: [10.0.0.0/8, 192.0.2.7/32] in the constraints of local in targets.yaml',
    })
  })

  test.each([
    '169.254.169.254',
    'fd00:ec2::254',
    'fd20:ce::254',
    'fd20:ce:0:0::254',
    '169.254.170.2',
    '169.254.170.23',
    'fd00:ec2::23',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '::ffff:168.63.129.16',
  ])('never reach %s, where clouds keep credentials', async (host) => {
    const context = probeContext({ networks: ['0.0.0.0/0', '::/0'] })
    await expect(pin(host, undefined, context)).rejects.toMatchObject({ code: 'denied' })
    expect(() => requireAllowed(host, context.target)).toThrow('metadata address')
  })

  test('judges what a name resolves to, and pins the first address that is allowed', async () => {
    const context = resolving('203.0.113.9', '10.0.0.5', '10.0.0.6')
    expect(await pin('nas.example', undefined, context)).toEqual({ address: '10.0.0.5', family: '4' })
  })

  test.each(['2130706433', '0x7f000001', '127.1'])(
    'judges %s by the address that the target makes of it',
    async (host) => {
      expect(await pin(host, undefined, probeContext())).toEqual({ address: '127.0.0.1', family: '4' })
      await expect(pin(host, undefined, probeContext({ networks: ['10.0.0.0/8'] }))).rejects.toMatchObject({
        code: 'denied',
      })
    },
  )

  test('refuses a name that leads outside, with its address', async () => {
    await expect(pin('evil.example', undefined, resolving('169.254.169.254', '203.0.113.9'))).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining('(169.254.169.254, 203.0.113.9) is outside'),
      hint: expect.stringContaining('203.0.113.9/32]'),
    })
  })

  test('keeps to the wanted version of IP', async () => {
    expect(await pin('nas', '6', resolving('10.0.0.5', 'fd00::5'))).toEqual({ address: 'fd00::5', family: '6' })
    await expect(pin('nas', '6', resolving('10.0.0.5'))).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('hosts of requests', () => {
  test('are refused for one refused address among good ones', async () => {
    await expect(pinAll('nas.example', resolving('10.0.0.5', '203.0.113.9'))).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining('(203.0.113.9)'),
    })
    await expect(pinAll('nas.example', resolving('10.0.0.5', 'fd20:ce::254'))).rejects.toMatchObject({ code: 'denied' })
  })

  test.each(['metadata.google.internal', 'Metadata.Google.Internal.', 'metadata', 'metadata.goog', 'instance-data'])(
    'are never %s, whatever it resolves to',
    async (host) => {
      await expect(pinAll(host, resolving('10.0.0.5'))).rejects.toMatchObject({ code: 'denied' })
    },
  )

  test('are the first of their addresses, with the time of the resolver', async () => {
    const context = replayContext('used getent\naddress 10.0.0.5\naddress 10.0.0.6\ntook 1500\n')
    expect(await pinAll('nas.example', context)).toEqual({ address: '10.0.0.5', dnsMs: 1.5 })
  })
})

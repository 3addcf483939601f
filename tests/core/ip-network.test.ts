import { describe, expect, test } from 'bun:test'
import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import { behindNat64, isSameAddress, isWithin, parseAddress, reverseName } from '../../src/core/ip-network.ts'

const v4 = fc.ipV4()
const v6 = fc.ipV6()

function within(address: string, network: string): boolean {
  const parsed = parseAddress(address)
  if (parsed === undefined) throw new TypeError(address)
  return isWithin(parsed, network)
}

describe('addresses', () => {
  test('are exactly those that node:net knows', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6, fc.string(), fc.stringMatching(/^[0-9a-f:.]{1,20}$/)), (text) => {
        expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0 && !text.includes('%'))
      }),
    )
  })

  test.each([
    '127.1',
    '010.0.0.1',
    '0x7f.0.0.1',
    '2130706433',
    '1.2.3.4.5',
    '::1::',
    ':1',
    '1:',
    '',
    '10.0.0.1\n',
    '::1%a b',
  ])('does not take %j for one', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })

  test.each([
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:a00:1', '10.0.0.1'],
    ['fe80::1%eth0', 'fe80:0:0:0::1'],
    ['FD00:0:0:0:0:0:0:3', 'fd00::3'],
  ])('%s is %s', (one, other) => {
    expect(isSameAddress(one, other)).toBe(true)
  })

  test('shows what a translator reaches behind an address', () => {
    const address = parseAddress('64:ff9b::a9fe:a9fe')
    expect(address && behindNat64(address)).toEqual(parseAddress('169.254.169.254'))
  })

  test.each([
    ['10.1.2.3', '3.2.1.10.in-addr.arpa'],
    ['2001:db8::1', `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`],
  ])('%s has the name %s in DNS', (text, name) => {
    const address = parseAddress(text)
    expect(address && reverseName(address)).toBe(name)
  })
})

describe('networks', () => {
  test('hold the IPv4 addresses that node:net says', () => {
    fc.assert(
      fc.property(v4, v4, fc.integer({ min: 1, max: 32 }), (address, base, bits) => {
        const list = new BlockList()
        list.addSubnet(base, bits, 'ipv4')
        expect(within(address, `${base}/${bits}`)).toBe(list.check(address, 'ipv4'))
        expect(within(base, `${base}/${bits}`)).toBe(true)
      }),
    )
  })

  test('of IPv6 hold every address that shares the prefix, and no other', () => {
    const groups = fc.array(fc.integer({ min: 1, max: 0xffff }), { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(groups, fc.integer({ min: 1, max: 128 }), fc.integer({ min: 0, max: 127 }), (base, bits, flipped) => {
        const write = (parts: readonly number[]) => parts.map((part) => part.toString(16)).join(':')
        const other = base.map((part, at) => (at === flipped >> 4 ? part ^ (0x8000 >> (flipped & 15)) : part))
        expect(within(write(other), `${write(base)}/${bits}`)).toBe(flipped >= bits)
      }),
    )
  })

  test('of one family hold no address of the other', () => {
    expect(within('0.0.0.1', '::/0')).toBe(false)
    expect(within('::1', '0.0.0.0/0')).toBe(false)
  })

  test('hold an IPv4 address also when it is written as IPv6', () => {
    expect(within('::ffff:10.9.9.9', '10.0.0.0/8')).toBe(true)
    expect(within('10.9.9.9', '::ffff:10.0.0.0/104')).toBe(true)
  })

  test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/ 8', 'x/8'])(
    '%j is none and holds nothing',
    (network) => {
      expect(within('10.0.0.0', network)).toBe(false)
    },
  )
})

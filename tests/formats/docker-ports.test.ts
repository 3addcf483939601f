import { describe, expect, test } from 'bun:test'
import { type ListedPort, portsText } from '../../src/formats/docker-ports.ts'

const tcp = (inside: number, outside?: number, IP?: string): ListedPort => ({
  PrivatePort: inside,
  PublicPort: outside,
  IP,
  Type: 'tcp',
})

describe('ports of a container', () => {
  test.each<[string, readonly ListedPort[], string]>([
    ['none', [], ''],
    ['both families as one', [tcp(80, 8080, '0.0.0.0'), tcp(80, 8080, '::')], '8080->80'],
    ['an address', [tcp(5432, 5432, '127.0.0.1')], '127.0.0.1:5432->5432'],
    ['an IPv6 address', [tcp(80, 81, '::1')], '[::1]:81->80'],
    ['unpublished', [tcp(9100)], '9100'],
    ['udp', [{ PrivatePort: 53, PublicPort: 53, IP: '', Type: 'udp' }], '53->53/udp'],
    ['two ways to one port', [tcp(80, 8080), tcp(80, 9090)], '8080->80 9090->80'],
    ['a gap', [tcp(1, 1), tcp(3, 3)], '1->1 3->3'],
    ['a shift', [tcp(1, 11), tcp(2, 13)], '11->1 13->2'],
  ])('%s', (_, ports, text) => expect(portsText(ports)).toBe(text))

  test('a thousand in sequence are one', () => {
    const ports = Array.from({ length: 1000 }, (_, at) => [
      tcp(7000 + at, 8000 + at, '0.0.0.0'),
      tcp(7000 + at, 8000 + at, '::'),
    ])
    expect(portsText(ports.flat())).toBe('8000-8999->7000-7999')
  })
})

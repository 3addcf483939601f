import { expect, test } from 'bun:test'
import { networkReply, networkRow } from '../../src/formats/docker-networks.ts'

const network = (Containers: object | null, more: object = {}) =>
  networkReply.parse({
    Name: 'back',
    Driver: 'bridge',
    Scope: 'local',
    Internal: false,
    IPAM: { Config: [{ Subnet: '10.9.0.0/24' }, { Subnet: 'fd00::/64' }] },
    Containers,
    ...more,
  })

test('a network says its subnets and its members with their addresses', () => {
  const members = {
    b: { Name: 'web', IPv4Address: '10.9.0.3/24' },
    a: { Name: 'db', IPv4Address: '', IPv6Address: 'fd00::2/64' },
  }
  expect(networkRow(network(members))).toEqual({
    name: 'back',
    driver: 'bridge',
    scope: '',
    internal: '',
    subnets: '10.9.0.0/24 fd00::/64',
    members: 'db fd00::2, web 10.9.0.3',
  })
})

test('what is unusual of a network is said', () => {
  expect(networkRow(network(null, { Scope: 'swarm', Internal: true, IPAM: { Config: null } }))).toMatchObject({
    scope: 'swarm',
    internal: 'yes',
    subnets: '',
    members: '',
  })
})

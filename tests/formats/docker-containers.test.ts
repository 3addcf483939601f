import { describe, expect, test } from 'bun:test'
import {
  containerName,
  containerRow,
  imageName,
  type ListedContainer,
  nameOf,
  nearestHint,
} from '../../src/formats/docker-containers.ts'

const listed = (more: Partial<ListedContainer>): ListedContainer => ({
  Id: 'ccfe4cb0786d8c436e25c00561d28e0d811cecbe7fccec3a3891c792df6ce8b8',
  Names: ['/web'],
  Image: 'tiny:1',
  ImageID: 'sha256:1',
  State: 'running',
  Status: 'Up 3 hours',
  ...more,
})

describe('a row of a container', () => {
  test.each([
    ['Up 3 hours', { uptime: '3h', health: '' }],
    ['Up Less than a second (health: starting)', { uptime: '0s', health: 'starting' }],
    ['Up About a minute (healthy)', { uptime: '1m', health: 'healthy' }],
    ['Up About an hour (unhealthy)', { uptime: '1h', health: 'unhealthy' }],
    ['Up 2 weeks (Paused)', { uptime: '2w', health: '' }],
    ['Up 5 months', { uptime: '5mo' }],
  ])('%s', (Status, row) => expect(containerRow(listed({ Status }))).toMatchObject(row))

  test('says how it ended, and when', () => {
    const row = containerRow(listed({ State: 'exited', Status: 'Exited (137) 2 days ago' }))
    expect(row).toMatchObject({ state: 'exited 137', uptime: '', ended: '2d' })
    expect(containerRow(listed({ State: 'created', Status: 'Created' }))).toMatchObject({ state: 'created', ended: '' })
  })

  test('names the compose project', () => {
    expect(containerRow(listed({ Labels: { 'com.docker.compose.project': 'shop' } })).project).toBe('shop')
  })
})

test('a container is called by its own name, not by that of a link, or by its short id', () => {
  expect(nameOf({ Id: 'ccfe4cb0786d8c43', Names: ['/api/db', '/postgres'] })).toBe('postgres')
  expect(nameOf({ Id: 'ccfe4cb0786d8c43', Names: null })).toBe('ccfe4cb0786d')
})

test('digests and ids are short', () => {
  const digest = 'eb39f2ae66b8d90f8ca4d09a9c614c1276880feebe999d37913f94183ef63ad0'
  expect(imageName(`sha256:${digest}`)).toBe('eb39f2ae66b8')
  expect(imageName(`registry:5000/a/redis:7@sha256:${digest}`)).toBe('registry:5000/a/redis:7@sha256:eb39f2ae66b8')
  expect(imageName('registry:5000/a/redis:7')).toBe('registry:5000/a/redis:7')
})

test('names are what the engine allows', () => {
  for (const name of ['web', 'shop-db-1', 'a_b.c', 'ccfe4cb0786d']) expect(containerName.test(name)).toBe(true)
  for (const name of ['', '-web', '../x', 'a/b', 'a b', 'a\n', 'a%2f', '--help'])
    expect(containerName.test(name)).toBe(false)
})

test('a name that is not there is answered with one that is near, or with those that are', () => {
  const some = ['postgres', 'web'].map((name) => listed({ Names: [`/${name}`] }))
  expect(nearestHint('postgers', some)).toBe('did you mean postgres?')
  expect(nearestHint('gres', some)).toBe('did you mean postgres?')
  expect(nearestHint('mail', some)).toBe('there are: postgres, web')
  expect(nearestHint('mail', [])).toBe('there are no containers there')
})

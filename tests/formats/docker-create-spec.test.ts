import { expect, test } from 'bun:test'
import { containerSpecReply, createSpec } from '../../src/formats/docker-create-spec.ts'
import { imageConfig } from '../../src/formats/docker-image.ts'

const id = 'ccfe4cb0786d8c436e25c00561d28e0d811cecbe7fccec3a3891c792df6ce8b8'

interface Given {
  readonly Config?: object
  readonly HostConfig?: object
  readonly Mounts?: readonly object[]
  readonly Networks?: Readonly<Record<string, object>>
  /** Of the old image. */
  readonly image?: object
}

/** The body for a container of these settings, and the networks that it joins afterwards. */
function spec({ Config = {}, HostConfig = {}, Mounts = [], Networks = {}, image = {} }: Given) {
  const container = containerSpecReply.parse({
    Id: id,
    Name: '/web',
    Image: 'sha256:1',
    State: { Status: 'running', Running: true, Paused: false },
    Config: { Image: 'app:1', Hostname: id.slice(0, 12), ...Config },
    HostConfig: { NetworkMode: 'default', ...HostConfig },
    Mounts,
    NetworkSettings: { Networks },
  })
  return createSpec(container, imageConfig.parse(image), 'app:2')
}

test('settings that nobody here has heard of are kept', () => {
  const { body } = spec({ Config: { FutureSetting: [1] }, HostConfig: { FutureLimit: 7 } })
  expect(body).toMatchObject({ Image: 'app:2', FutureSetting: [1], HostConfig: { FutureLimit: 7 } })
})

test('what the old image supplied is left to the new one, each for itself', () => {
  const image = {
    Env: ['A=1', 'B=1'],
    Labels: { a: '1', b: '1' },
    Cmd: ['run'],
    Entrypoint: ['/entry'],
    WorkingDir: '/app',
    User: 'app',
    ExposedPorts: { '80/tcp': {}, '90/tcp': {} },
    Healthcheck: { Test: ['CMD', 'check'], Interval: 1, Retries: 2 },
  }
  const Config = {
    ...image,
    Env: ['A=1', 'B=2', 'C=3'],
    Labels: { a: '1', b: '2' },
    User: 'root',
    Healthcheck: { Test: ['CMD', 'check'], Interval: 5, Retries: 2 },
  }
  const { body } = spec({ image, Config, HostConfig: { PortBindings: { '90/tcp': [{ HostPort: '90' }] } } })
  expect(body).toMatchObject({
    Env: ['B=2', 'C=3'],
    Labels: { b: '2' },
    User: 'root',
    ExposedPorts: { '90/tcp': {} },
    Healthcheck: { Interval: 5 },
  })
  for (const left of ['Cmd', 'Entrypoint', 'WorkingDir', 'Hostname']) expect(body).not.toHaveProperty(left)
})

test('with an entrypoint of its own a container keeps its command, though the image has the same', () => {
  const { body } = spec({ image: { Entrypoint: ['/a'], Cmd: ['run'] }, Config: { Entrypoint: ['/b'], Cmd: ['run'] } })
  expect(body).toMatchObject({ Entrypoint: ['/b'], Cmd: ['run'] })
})

test('a host name is kept when a person gave it, and where it may be given', () => {
  expect(spec({ Config: { Hostname: 'web' } }).body).toMatchObject({ Hostname: 'web' })
  const shared = spec({ Config: { Hostname: 'web' }, HostConfig: { NetworkMode: 'container:abc' } })
  expect(shared.body).not.toHaveProperty('Hostname')
  expect(shared.body).not.toHaveProperty('NetworkingConfig')
})

test('volumes without a name of their own are kept by the name that the engine gave them', () => {
  const { body } = spec({
    Config: { Volumes: { '/data/': {}, '/bound': {} } },
    HostConfig: { Binds: ['/srv:/bound'], Mounts: [{ Type: 'volume', Target: '/free', ReadOnly: true }] },
    Mounts: [
      { Type: 'volume', Name: 'v1', Destination: '/data', RW: true },
      { Type: 'volume', Name: 'v2', Destination: '/free', RW: false },
      { Type: 'bind', Destination: '/bound' },
      { Type: 'volume', Name: 'of-another-container', Destination: '/from' },
    ],
  })
  expect(body).toMatchObject({
    Volumes: { '/bound': {} },
    HostConfig: {
      Binds: ['/srv:/bound'],
      Mounts: [
        { Type: 'volume', Target: '/free', ReadOnly: true, Source: 'v2' },
        { Type: 'volume', Target: '/data', Source: 'v1' },
      ],
    },
  })
})

test('joins first the network that it was made with, then the others, without what the engine made up', () => {
  const Networks = {
    back: { Aliases: ['hind', id.slice(0, 12)], IPAMConfig: { IPv4Address: '10.0.0.7' }, IPAddress: '10.0.0.7' },
    front: { Aliases: [id.slice(0, 12)], IPAMConfig: null, MacAddress: '02:42:ac:11:00:02' },
  }
  const { body, joins } = spec({ HostConfig: { NetworkMode: 'front' }, Networks })
  expect(body).toMatchObject({ NetworkingConfig: { EndpointsConfig: { front: {} } } })
  expect(joins).toEqual([{ network: 'back', endpoint: { IPAMConfig: { IPv4Address: '10.0.0.7' }, Aliases: ['hind'] } }])
})

test('a network that it was made with and left is not joined again', () => {
  expect(spec({ HostConfig: { NetworkMode: 'front' }, Networks: { back: {} } }).body).toMatchObject({
    HostConfig: { NetworkMode: 'back' },
    NetworkingConfig: { EndpointsConfig: { back: {} } },
  })
  expect(spec({ HostConfig: { NetworkMode: 'front' } }).body).toMatchObject({ HostConfig: { NetworkMode: 'none' } })
})

test('a link is given as the engine takes it', () => {
  expect(spec({ HostConfig: { Links: ['/db:/web/store'] } }).body).toMatchObject({
    HostConfig: { Links: ['db:store'] },
  })
})

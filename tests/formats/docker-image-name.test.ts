import { expect, test } from 'bun:test'
import { imageNameOf, referenceOf } from '../../src/formats/docker-image-name.ts'

const digest = `sha256:${'0a'.repeat(32)}`

test.each([
  ['nginx', 'docker.io', 'nginx:latest'],
  ['nginx:1.27', 'docker.io', 'nginx:1.27'],
  ['docker.io/library/nginx', 'docker.io', 'nginx:latest'],
  ['index.docker.io/grafana/grafana:11', 'docker.io', 'grafana/grafana:11'],
  ['library/nginx', 'docker.io', 'nginx:latest'],
  ['registry:5000/img', 'registry:5000', 'registry:5000/img:latest'],
  ['registry:5000/team/img:2', 'registry:5000', 'registry:5000/team/img:2'],
  ['localhost/img', 'localhost', 'localhost/img:latest'],
  ['ghcr.io/library/x', 'ghcr.io', 'ghcr.io/library/x:latest'],
  [`img@${digest}`, 'docker.io', `img@${digest}`],
  [`registry:5000/img:1@${digest}`, 'registry:5000', `registry:5000/img:1@${digest}`],
  ['[::1]:5000/img', '[::1]:5000', '[::1]:5000/img:latest'],
  ['my__img-x.y', 'docker.io', 'my__img-x.y:latest'],
])('%s is of %s', (text, registry, reference) => {
  const name = imageNameOf(text)
  expect(name?.registry).toBe(registry)
  expect(name && referenceOf(name)).toBe(reference)
})

test.each([
  '',
  'Nginx',
  'nginx:',
  ':1',
  'a//b',
  'a/../b',
  '../x',
  'a b',
  'a?x=1',
  'img@sha256:12',
  'img:a:b',
  'registry:123456/img',
  'a'.repeat(64),
  'x'.repeat(300),
  digest,
  'img\n',
])('%j is no reference', (text) => {
  expect(imageNameOf(text)).toBeUndefined()
})

test('a host without a path is a name with a tag, as it is for the engine', () => {
  expect(imageNameOf('registry:5000')).toMatchObject({ registry: 'docker.io', name: 'registry', tag: '5000' })
})

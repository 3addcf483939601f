import { expect, test } from 'bun:test'
import { imageRow, type ListedImage } from '../../src/formats/docker-images.ts'

const now = new Date('2026-11-21T10:00:00Z')
const image = (more: Partial<ListedImage> = {}): ListedImage => ({
  Id: 'sha256:eb39f2ae66b8d90f8ca4d09a9c614c1276880feebe999d37913f94183ef63ad0',
  RepoTags: ['redis:7', 'redis:latest'],
  RepoDigests: [],
  Created: now.getTime() / 1000 - 172_800,
  Size: 123_456_789,
  ...more,
})

const made = (name: string) => ({
  Id: name,
  Names: [`/${name}`],
  Image: 'redis',
  ImageID: image().Id,
  State: 'running',
  Status: 'Up 1 second',
})

test('an image says its tags, size, age and who uses it', () => {
  expect(imageRow(image(), ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(made), now)).toEqual({
    image: 'redis:7 redis:latest',
    id: 'eb39f2ae66b8',
    size_mib: 118,
    age: '2d',
    used_by: 'a b c d e +2',
    dangling: '',
  })
})

test('a dangling image says where it came from', () => {
  const digest = `redis@${image().Id}`
  const row = imageRow(image({ RepoTags: ['<none>:<none>'], RepoDigests: [digest] }), [], now)
  expect(row).toMatchObject({ image: 'redis@sha256:eb39f2ae66b8', dangling: 'yes', used_by: '' })
  expect(imageRow(image({ RepoTags: null, RepoDigests: ['<none>@<none>'] }), [], now).image).toBe('')
})

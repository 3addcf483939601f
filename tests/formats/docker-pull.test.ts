import { describe, expect, test } from 'bun:test'
import { pullAfter, pullBegun, pullEnd, pullFailure, pullProgress } from '../../src/formats/docker-pull.ts'

const digest = `sha256:${'0a'.repeat(32)}`
const mib = 1024 * 1024

const after = (...lines: readonly object[]) =>
  lines.reduce<typeof pullBegun>((pull, line) => pullAfter(pull, JSON.stringify(line)), pullBegun)

const begun = [
  { status: 'Pulling from library/nginx', id: '1.27' },
  { status: 'Already exists', progressDetail: {}, id: 'aaa' },
  { status: 'Pulling fs layer', progressDetail: {}, id: 'bbb' },
  { status: 'Pulling fs layer', progressDetail: {}, id: 'ccc' },
  { status: 'Downloading', progressDetail: { current: 10 * mib, total: 40 * mib }, id: 'bbb' },
]

describe('a pull', () => {
  test('tells how far it is, and the size once it is known', () => {
    expect(pullProgress(after(...begun))).toBe('1 of 3 layers, 10 MiB')
    const known = { status: 'Downloading', progressDetail: { current: mib, total: 2 * mib }, id: 'ccc' }
    expect(pullProgress(after(...begun, known))).toBe('1 of 3 layers, 11 of 42 MiB')
    const done = { status: 'Download complete', progressDetail: {}, id: 'bbb' }
    const complete = { status: 'Pull complete', progressDetail: {}, id: 'ccc' }
    expect(pullProgress(after(...begun, known, done, complete))).toBe('2 of 3 layers, 42 of 42 MiB')
  })

  test('ends with the digest and what the engine said', () => {
    const pull = after(
      ...begun,
      { status: `Digest: ${digest}` },
      { status: 'Status: Downloaded newer image for nginx:1.27' },
    )
    expect(JSON.parse(pullEnd(pull))).toEqual({
      digest,
      status: 'Downloaded newer image for nginx:1.27',
      layers: 3,
      downloaded_mib: 10,
    })
  })

  test('has failed when a line says so', () => {
    expect(after(...begun, { errorDetail: { message: 'x' }, error: 'write: no space left on device' }).error).toBe(
      'write: no space left on device',
    )
  })

  test('is not disturbed by what is no line of it', () => {
    for (const line of ['', 'x', '[]', '{"status":1}', '{"id":"aaa"'])
      expect(pullAfter(pullBegun, line)).toBe(pullBegun)
  })
})

test.each([
  ['manifest for nginx:9 not found: manifest unknown: manifest unknown', 'missing'],
  ['Head "http://127.0.0.1:5006/v2/app/manifests/2": no basic auth credentials', 'refused'],
  ["pull access denied for x, repository does not exist or may require 'docker login'", 'refused'],
  ['Get "http://127.0.0.1:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused', 'unreachable'],
  ['dial tcp: lookup registry-1.docker.io: no such host', 'unreachable'],
  ['Get "https://r/v2/": x509: certificate signed by unknown authority', 'unreachable'],
  ['failed to register layer: write /x: no space left on device', 'full'],
  ['toomanyrequests: You have reached your pull rate limit', 'throttled'],
  ['something else', 'other'],
])('%s means: %s', (said, kind) => {
  const failure = pullFailure('nginx:9', said)
  expect<string>(failure.kind).toBe(kind)
  expect(failure.note).toContain(said)
})

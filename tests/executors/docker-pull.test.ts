import { describe, expect, test } from 'bun:test'
import type { Outcome } from '../../src/core/operation.ts'
import { get, post } from '../../src/core/operation.ts'
import { pulled, pullOf, pullRefused, reconciledPull } from '../../src/executors/docker-pull.ts'
import { movedClock } from '../support/moved-clock.ts'

const digest = `sha256:${'0a'.repeat(32)}`
const pinned = { image: `reg:5000/app@${digest}`, isPinned: true }

test('a pull is known by its request, with or without the version of the API', () => {
  expect(pullOf(post('/images/create?fromImage=reg%3A5000%2Fapp&tag=1'))).toEqual({
    image: 'reg:5000/app:1',
    isPinned: false,
  })
  expect(pullOf(post(`/v1.41/images/create?fromImage=reg%3A5000%2Fapp&tag=${digest}`))).toEqual(pinned)
  expect(pullOf(post('/images/create?fromSrc=-'))).toBeUndefined()
  expect(pullOf(get('/images/create?fromImage=a'))).toBeUndefined()
})

describe('reading a pull', () => {
  async function read(lines: readonly object[], chunkBytes = 7) {
    const bytes = Buffer.from(lines.map((line) => JSON.stringify(line)).join('\r\n'))
    async function* chunks() {
      for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
    }
    const told: string[] = []
    const clock = movedClock()
    const outcome = await pulled(chunks(), pinned, { limits: { onProgress: (message) => told.push(message) }, clock })
    return { outcome, told }
  }

  const layers = Array.from({ length: 50 }, (_, index) => ({
    status: 'Already exists',
    progressDetail: {},
    id: `l${index}`,
  }))

  test('keeps its end alone, and tells how far it is not with each line', async () => {
    const { outcome, told } = await read([...layers, { status: `Digest: ${digest}` }])
    expect(outcome).toMatchObject({ ok: true, status: 200, truncated: false })
    expect(JSON.parse(outcome.output)).toEqual({ digest, layers: 50, downloaded_mib: 0 })
    expect(told).toEqual(['pulling reg:5000/app@sha256:0a0a0a0a0a0a: 1 of 1 layers, 0 of 0 MiB'])
  })

  test('an error among its lines is a failure, with what to do', async () => {
    const { outcome } = await read([...layers, { errorDetail: {}, error: 'write /x: no space left on device' }])
    expect(outcome).toMatchObject({ ok: false, status: 500 })
    expect(outcome.errorOutput).toBe(
      'reg:5000/app@sha256:0a0a0a0a0a0a: the disk of the engine is full (write /x: no space left on device); free space first: list_docker_images shows what is unused',
    )
  })
})

const outcome = (more: Partial<Outcome>): Outcome => ({
  ok: true,
  status: 200,
  output: '{}',
  errorOutput: '',
  truncated: false,
  durationMs: 1,
  ...more,
})

test('a refusal before it began says what it means', () => {
  const answer = outcome({ ok: false, status: 404, output: '{"message":"manifest unknown"}' })
  expect(pullRefused(pinned, answer).errorOutput).toContain('the registry has no such image or tag')
})

describe('a pull whose end was lost', () => {
  const missing = async () => outcome({ ok: false, status: 404 })
  const there = async () => outcome({})

  test('is done when the image is there, and failed when it is not', async () => {
    expect(await reconciledPull(pinned, there)).toMatchObject({ state: 'done', outcome: { ok: true } })
    expect(await reconciledPull(pinned, missing)).toMatchObject({ state: 'failed', outcome: { ok: false } })
  })

  test('of a tag says nothing when there is an image of that tag', async () => {
    const byTag = { image: 'app:1', isPinned: false }
    expect(await reconciledPull(byTag, there)).toMatchObject({ state: 'unknown' })
    expect(await reconciledPull(byTag, missing)).toMatchObject({ state: 'failed' })
  })
})

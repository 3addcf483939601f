import { expect, test } from 'bun:test'
import { containerReply, isJob } from '../../src/formats/docker-container.ts'

const container = (state: object) =>
  containerReply.parse({
    Id: '1',
    Name: '/backup',
    Image: 'sha256:1',
    State: {
      Status: 'exited',
      Running: false,
      Paused: false,
      StartedAt: '2026-11-21T10:00:00.1Z',
      FinishedAt: '2026-11-21T10:00:02.1Z',
      ExitCode: 0,
      ...state,
    },
    Config: { Image: 'tiny:1' },
    HostConfig: {},
  })

test('what ended well and soon by itself is a job', () => {
  expect(isJob(container({}))).toBe(true)
  expect(isJob(container({ ExitCode: 1 }))).toBe(false)
  expect(isJob(container({ Status: 'running', Running: true }))).toBe(false)
  const never = '0001-01-01T00:00:00Z'
  expect(isJob(container({ Status: 'created', StartedAt: never, FinishedAt: never }))).toBe(false)
  expect(isJob(container({ FinishedAt: '2026-11-21T12:00:00Z' }))).toBe(false)
})

import { expect, test } from 'bun:test'
import type { ErrorCode } from '../../src/core/errors.ts'
import { failureOf } from '../../src/executors/docker-failure.ts'

const failing = (code: string) => failureOf('/run/docker.sock', Object.assign(new Error('no'), { code }))

test('a socket that may not be opened is answered with the group that may', () => {
  expect(failing('EACCES')).toMatchObject({
    code: 'credentials_rejected',
    message: '/run/docker.sock may not be opened by the user that TailOps works as',
    hint: expect.stringContaining('group docker'),
  })
})

test.each<[string, ErrorCode]>([
  ['ENOENT', 'unreachable'],
  ['ECONNREFUSED', 'unreachable'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'credentials_rejected'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'unreachable'],
  ['ECONNRESET', 'interrupted'],
  ['EPIPE', 'interrupted'],
  ['ETIMEDOUT', 'interrupted'],
  ['', 'interrupted'],
])('%p is %s: only what cannot have been sent says so', (code, expected) => {
  expect(failing(code).code).toBe(expected)
})

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { redactor } from '../../src/server/redact.ts'

const held = ['s3cr3t-of-the-gateway', 'päss/wörd+1', 'line one of a long key 1234\nline two of a long key 5678']
const redact = redactor({ held, key: new Uint8Array(32).fill(7) })

test('plain words are passed on as they are', () => {
  const words = fc.constantFrom(
    'nginx.service',
    'running',
    '10.0.0.1:22',
    '{"a": 1}',
    'x=1',
    '12%',
    '\n',
    "it's",
    '"q"',
  )
  fc.assert(
    fc.property(fc.array(words), (parts) => {
      expect(redact({ text: parts.join(' ') })).toEqual({ text: parts.join(' ') })
    }),
  )
})

test('twice is once', () => {
  const parts = fc.constantFrom(
    ...[
      'password',
      'token',
      '=',
      ': ',
      ':',
      ' ',
      '"',
      "'",
      '\\',
      '\\"',
      '\n',
      ',',
      '@',
      '://',
      '!a=',
      '-',
      '--secret ',
    ],
    ...[
      'hunter22',
      'Bearer ',
      'Authorization: ',
      '-----BEGIN PRIVATE KEY-----',
      '-----END PRIVATE KEY-----',
      'eyJabcdefgh.',
    ],
    ...['tops_aaaa_'.padEnd(50, 'a'), '[redacted:', '123456', ']', 'true', ...held],
  )
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 14 }), (text) => {
      const once = redact({ text: text.join(''), password: text.join('') })
      expect(redact(once)).toEqual(once)
    }),
    { numRuns: 2000 },
  )
})

/** Beginnings that match again and again, and never end as a secret does. */
const hostile = [
  ...[
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----',
    '-----END PRIVATE KEY-----',
    'AAAA\n',
    '-----',
    'password=',
    'pass',
  ],
  ...[
    'password="',
    'password=\\"',
    '\\',
    'eyJ',
    '-eyJ',
    'eyJaaaaaaaa.-',
    'a://',
    '://:',
    '://a:a',
    'authorization:',
    'x-a',
  ],
  ...[
    'PVEAPIToken=',
    'token ',
    'token: ',
    'bearer ',
    'bearer a',
    '!a',
    '!a=00000000-',
    '--',
    '--a',
    'tops_aaaa_',
    '-sk-',
  ],
]

test('a megabyte of hostile text takes no longer than one with secrets here and there, within a factor of 10', () => {
  const size = 1_000_000
  const usual = Math.max(
    20,
    time(() => redact('sshd[812]: token=abcdef from https://me:pass@host/x\n'.repeat(size / 52))),
  )
  for (const part of hostile)
    expect([part, time(() => redact(part.repeat(size / part.length))) / usual < 10]).toEqual([part, true])
}, 60_000)

test.each(['password="', '-----BEGIN PRIVATE KEY-----', 'Authorization: ', 'eyJaaaaaaaa.eyJ', 'ghp_', '"token": "'])(
  'a secret of megabytes after %j is marked whole',
  (before) => {
    expect(String(redact(before + 'a'.repeat(9_000_000))).length).toBeLessThan(60)
  },
)

function time(work: () => unknown): number {
  const began = performance.now()
  work()
  return performance.now() - began
}

import { expect, test } from 'bun:test'
import { packageProblem, packageProgress, unreadSources } from '../../src/formats/package-outcome.ts'

test.each([
  [
    'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt)',
    'another package manager is at work',
  ],
  ['E: dpkg was interrupted, you must manually run …', 'dpkg was interrupted earlier'],
  ["E: You don't have enough free space in /var/cache/apt/archives/.", 'the disk of the target is full'],
  ["E: Version '2' for 'app' was not found", 'a planned version is no longer offered'],
  ['E: Failed to fetch http://example.com/x.deb  404  Not Found', 'a download failed'],
  ['sudo: a password is required', 'root is needed'],
  ['something new', 'the package manager failed: something new'],
])('%s is explained', (said, problem) => {
  expect(packageProblem('', said).problem).toStartWith(problem)
})

test('each package is as far as dpkg said', () => {
  const output = [
    'Unpacking good (2) over (1) ...',
    'Setting up good (2) ...',
    'Unpacking half:amd64 (1) ...',
    'Unpacking bad (1) ...',
    'Removing gone (1) ...',
  ].join('\n')
  const stateOf = packageProgress(output, 'dpkg: error processing package bad (--configure):\n it failed')
  expect(['good', 'half', 'bad', 'gone', 'later'].map(stateOf)).toEqual([
    'done',
    'unpacked, not configured',
    'failed, unpacked but not configured',
    'removed',
    'not done',
  ])
})

test('sources that were not read are named once, without passwords', () => {
  const said = 'W: Failed to fetch http://me:secret@example.com/InRelease  Could not resolve'
  expect(unreadSources('Err:3 http://other.example stable InRelease\n', `${said}\n${said}`)).toEqual([
    'http://other.example',
    'http://example.com/InRelease',
  ])
})

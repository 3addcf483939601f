import { expect, test } from 'bun:test'
import { parseSimulation } from '../../src/formats/package-simulation.ts'

const read = (list: string, end = '0\n') =>
  parseSimulation(`\x1emanager\napt-get\n\x1einterrupted\n\x1eindex\n7\n9\n\x1elist\n${list}\n\x1eend\n${end}`)

test('updates, new packages and removals of apt are read, sorted by name, with what is for security', () => {
  const output = [
    'Reading package lists...',
    'Remv nano [7.2-1]',
    'Inst hello (2.10-3 Debian:12.15/oldstable [amd64])',
    'Inst libgcrypt20 [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []',
    'Inst libc6:i386 [2.36-9] (2.36-10 Ubuntu:24.04/noble-security [i386])',
    'Conf hello (2.10-3 Debian:12.15/oldstable [amd64])',
    '2 upgraded, 1 newly installed, 1 to remove and 4 not upgraded.',
  ].join('\n')
  expect(read(output)).toMatchObject({
    changes: [
      { name: 'hello', from: '', to: '2.10-3', security: false },
      { name: 'libc6:i386', from: '2.36-9', to: '2.36-10', security: true },
      { name: 'libgcrypt20', from: '1.10.1-3', to: '1.10.1-3+deb12u1', security: true },
      { name: 'nano', from: '7.2-1', to: '', security: false },
    ],
    keptBack: 4,
    indexAt: 9,
  })
})

test('a change that cannot be read makes the whole simulation unreadable', () => {
  for (const line of [
    'Inst bash',
    'Inst -y (1 D [all])',
    'Inst bash [1] ($(id) D [all])',
    'Remv nano',
    'Inst a-b= (1 D)',
  ])
    expect(read(`Inst hello (2.10-3 Debian [amd64])\n${line}`)).toBeUndefined()
})

test('what is taken back or on hold is named', () => {
  const list =
    'The following held packages will be changed:\n  one two\nThe following packages will be DOWNGRADED:\n  three\n0 upgraded'
  expect(read(list)).toMatchObject({ held: ['one', 'two'], downgraded: ['three'] })
})

test('a refusal names what is missing, or what stands in the way', () => {
  expect(read('', '100\nE: Unable to locate package nope')).toEqual({
    failed: 'refused',
    manager: 'apt',
    said: 'Unable to locate package nope',
    missing: ['nope'],
  })
  expect(read('', "100\nE: Version '7' for 'app' was not found")).toMatchObject({ missing: ['app=7'] })
  expect(read(' app : Depends: gone but it is not installable', '100\nE: Unable to correct problems')).toMatchObject({
    said: 'Unable to correct problems; app : Depends: gone but it is not installable',
  })
})

test('output of something else is not understood', () => {
  for (const output of ['', 'hello', '\x1emanager\napt-get\n']) expect(parseSimulation(output)).toBeUndefined()
})

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unreadSources } from '../../src/formats/package-outcome.ts'
import { parseSimulation } from '../../src/formats/package-simulation.ts'

const folder = join(import.meta.dirname, '../fixtures/packages')
const read = (name: string) => parseSimulation(readFileSync(join(folder, `${name}.txt`), 'utf8'))

test('an upgrade of dnf names what it replaces and what comes only along', () => {
  expect(read('dnf-upgrade')).toMatchObject({
    manager: 'dnf',
    changes: [
      { name: 'app', arch: 'noarch', from: '1-1', to: '1:2-1', dependency: false },
      { name: 'dep', from: '', to: '1.0-3', dependency: true },
      { name: 'newer', from: '', to: '1-1' },
      { name: 'old', from: '1-1', to: '' },
    ],
  })
})

test('a long name of dnf is read whole', () => {
  const name = 'a-very-long-package-name-that-wraps-the-table-of-dnf'
  expect(read('dnf-long')).toMatchObject({ changes: [{ name, to: '1.2.3.4.5.6-77.fc40' }] })
})

test('an upgrade of pacman names what it would replace, which pacman does not print', () => {
  expect(read('pacman-upgrade')).toMatchObject({
    manager: 'pacman',
    changes: [{ name: 'app' }, { name: 'dep' }, { name: 'newer', from: '' }, { name: 'old', from: '1-1', to: '' }],
    downgraded: [],
  })
})

test('what else is outdated stays behind an installation of pacman', () => {
  expect(read('pacman-install')).toMatchObject({ keptBack: 2, changes: [{ name: 'part' }, { name: 'tool' }] })
})

test('zypper tells its changes in XML', () => {
  expect(read('zypper-install')).toMatchObject({
    changes: [
      { name: 'app', to: '1:2-1' },
      { name: 'dep', to: '1.0-3' },
      { name: 'newer', to: '1-1' },
    ],
  })
})

test('apk numbers its changes', () => {
  expect(read('apk-upgrade')).toMatchObject({
    changes: [
      { name: 'busybox', from: '1.36.1-r15', to: '1.36.1-r19' },
      { name: 'libfoo', from: '', to: '1.0-r0' },
      { name: 'old', from: '1.0-r0', to: '' },
    ],
  })
})

test.each(['dnf', 'zypper', 'pacman', 'apk'])('%s says which package is missing', (manager) => {
  expect(read(`${manager}-missing`)).toMatchObject({ failed: 'refused', manager, missing: ['nope'] })
})

test('a conflict of dnf and a lock of zypper are refusals that say why', () => {
  expect(read('dnf-conflict')).toMatchObject({ said: expect.stringContaining('conflicts with old') })
  expect(read('zypper-locked')).toMatchObject({ said: expect.stringContaining('(it is locked)') })
})

test('sources that a refresh skipped are named, by whichever manager', () => {
  const said = [
    "Errors during downloading metadata for repository 'one':",
    "Skipping repository 'two' because of the above error.",
    "error: failed retrieving file 'three.db' from 127.0.0.1:9 : Failed to connect",
    'WARNING: updating and opening https://four.example/main: temporary error (try again later)',
  ].join('\n')
  expect(unreadSources('', said)).toEqual(['one', 'two', 'three', 'https://four.example/main'])
})

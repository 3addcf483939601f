import { expect, test } from 'bun:test'
import { packageName, parseAptPlan } from '../../src/formats/package-plan.ts'

test('updates, new packages and removals of apt are read, sorted by name', () => {
  const output = [
    'Reading package lists...',
    'Remv nano [7.2-1]',
    'Inst hello (2.10-3 Debian:12.15/oldstable [amd64])',
    'Inst libgcrypt20-dev [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []',
    'Conf hello (2.10-3 Debian:12.15/oldstable [amd64])',
  ].join('\n')
  expect(parseAptPlan(output)).toEqual([
    { name: 'hello', old: '', new: '2.10-3' },
    { name: 'libgcrypt20-dev', old: '1.10.1-3', new: '1.10.1-3+deb12u1' },
    { name: 'nano', old: '7.2-1', new: '' },
  ])
})

test('no change is an empty plan', () => {
  expect(parseAptPlan('Reading package lists...\n0 upgraded\n')).toEqual([])
})

test('a change that cannot be read makes the whole plan unreadable', () => {
  for (const line of ['Inst bash', 'Inst -y (1 Debian [amd64])', 'Inst bash [1] ($(id) Debian [amd64])', 'Remv nano'])
    expect(parseAptPlan(`Inst hello (2.10-3 Debian [amd64])\n${line}`)).toBeUndefined()
})

test('a package name is never an option, a path or a version', () => {
  for (const name of ['-y', '--purge', './a.deb', 'a=1', 'a b', '', 'a\n']) expect(packageName.test(name)).toBe(false)
  for (const name of ['g++', 'libc6:i386', 'python3.11']) expect(packageName.test(name)).toBe(true)
})

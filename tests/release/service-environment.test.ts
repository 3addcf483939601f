import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { environmentOf, environmentOfUnit } from '../../src/release/service-environment.ts'

test('the environment of a unit: words, quoted words, then its files', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-env-'))
  const file = join(dir, 'tailops.env')
  writeFileSync(file, '# a comment\nTAILOPS_LISTEN=127.0.0.1:8081\nB="two words"\n\n; another\nC=a=b\n')
  expect(
    environmentOfUnit('HOME=/x "D=said \\"so\\"" TAILOPS_LISTEN=[::1]:80', [`${file} (ignore_errors=yes)`]),
  ).toEqual({
    HOME: '/x',
    D: 'said "so"',
    TAILOPS_LISTEN: '127.0.0.1:8081',
    B: 'two words',
    C: 'a=b',
  })
  expect(environmentOfUnit('', [`${dir}/none (ignore_errors=yes)`])).toEqual({})
  rmSync(dir, { recursive: true })
})

test('the environment of a process that runs, and of one that does not', () => {
  expect(Object.keys(environmentOf(process.pid) ?? {})).toContain('PATH')
  expect(environmentOf(2 ** 30)).toBeUndefined()
})

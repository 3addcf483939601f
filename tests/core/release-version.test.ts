import { describe, expect, test } from 'bun:test'
import { compareVersions, judgeVersion, type VersionRules } from '../../src/core/release-version.ts'

test('versions are ordered as semver.org orders them', () => {
  const ordered = [
    '0.9.9',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.0.10',
    '1.1.0',
    '10.0.0',
  ]
  const shuffled = [...ordered].reverse()
  expect(shuffled.sort(compareVersions)).toEqual(ordered)
  expect(compareVersions('1.2.3', '1.2.3')).toBe(0)
  for (const none of ['1.2', 'v1.2.3', '1.2.3+build', '01.2.3', '']) {
    expect(() => compareVersions(none, '1.0.0')).toThrow('is no version')
  }
})

describe('judgeVersion', () => {
  const rules = (offered: Partial<VersionRules['offered']>, more: Partial<VersionRules> = {}): VersionRules => ({
    current: '1.4.0',
    offered: { version: '1.5.0', min_version: '1.0.0', channel: 'stable', ...offered },
    channel: 'stable',
    allowDowngrade: false,
    ...more,
  })

  test('a newer version is to be installed, the same is not', () => {
    expect(judgeVersion(rules({}))).toBe('newer')
    expect(judgeVersion(rules({ version: '1.4.0' }))).toBe('same')
  })

  test('an older one is refused, unless it is asked for with --allow-downgrade', () => {
    expect(() => judgeVersion(rules({ version: '1.3.9' }))).toThrow('1.3.9 is older than 1.4.0, which runs')
    expect(judgeVersion(rules({ version: '1.3.9' }, { allowDowngrade: true }))).toBe('older')
  })

  test('what cannot be reached from here is refused', () => {
    expect(() => judgeVersion(rules({ min_version: '1.4.1' }))).toThrow('can be reached from 1.4.1 on, 1.4.0 runs')
  })

  test('the channel stable takes no beta; the channel beta takes both', () => {
    expect(() => judgeVersion(rules({ channel: 'beta' }))).toThrow('of the channel beta')
    expect(judgeVersion(rules({ channel: 'beta' }, { channel: 'beta' }))).toBe('newer')
    expect(judgeVersion(rules({}, { channel: 'beta' }))).toBe('newer')
  })

  test('another version than the one that was asked for is refused', () => {
    expect(() => judgeVersion(rules({}, { wanted: '1.6.0' }))).toThrow('asked for version 1.6.0')
  })
})

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeFiles } from '../support/pve-host/release.ts'
import { canMakePveHosts, makePveHost, type PveHost } from '../support/pve-host.ts'

setDefaultTimeout(60_000)

const long = process.env['TAILOPS_TEST_LONG'] === '1'

describe.skipIf(!canMakePveHosts)('a run that fails removes exactly what it made:', () => {
  const files = mkdtempSync(join(tmpdir(), 'tailops-ct-'))
  let host: PveHost
  let before = ''
  beforeAll(async () => {
    host = await makePveHost({ files: writeFiles(files) })
    before = host.world()
  })
  afterEach(() => host.faults())
  afterAll(() => {
    host.stop()
    rmSync(files, { recursive: true })
  })

  /** Runs the script and looks at what is left, and that nothing of others was touched. */
  const fails = (env: Readonly<Record<string, string>> = {}) => {
    host.forget()
    const ran = host.run({ env: { var_wait: '3', ...env } })
    host.faults()
    expect(host.world(), ran.text).toBe(before)
    expect(host.effects().filter((effect) => /\b100\b/.test(effect))).toEqual([])
    return ran
  }

  const removeAll = () => {
    expect(host.run({ args: ['--uninstall', '--yes'] }).code).toBe(0)
    host.sh('pveam remove local:vztmpl/debian-13-standard_13.6-1_amd64.tar.zst; rm -rf $TMPDIR/*')
  }

  test.each([
    ['pveversion*', 105],
    ['pvesh get /cluster/nextid', 1],
    ['pveum user list*', 1],
    ['pveum role list*', 1],
    ['pvesm status*rootdir', 119],
    ['pvesm status*vztmpl', 119],
    ['pveam list*', 225],
    ['pveam available*', 225],
    ['pveam download*', 222],
    ['pct create*', 209],
    ['pct start*', 117],
    ['pct push*install.sh*', 1],
    ['pct push*targets.yaml*', 1],
    ['pveum role add*', 1],
    ['pveum user add*', 1],
    ['pveum acl modify*', 1],
    ['pveum user token add*', 1],
    ['pct exec*tailops health*', 1],
    ['pct set*', 1],
  ])('%s fails', (command, code) => {
    host.faults(`fail 0 ${command}`)
    expect(fails()).toMatchObject({ code })
  })

  test.each([
    ['pveam download*', 222],
    ['pct create*', 209],
    ['pct start*', 117],
    ['pct push*install.sh*', 1],
    ['pveum acl modify*', 1],
    ['pveum user token add*', 1],
    ['pct set*', 1],
  ])('%s says that it did it, and did not', (command, code) => {
    host.faults(`lie 0 ${command}`)
    expect(fails()).toMatchObject({ code })
  })

  test.each(['pct create*', 'pct start*', 'pveum user token add*', 'pct set*'])(
    '%s does it, and says that it failed',
    (command) => {
      host.faults(`after 0 ${command}`)
      expect(fails().code).not.toBe(0)
    },
  )

  test('also when every command that undoes fails once', () => {
    const undoing = [
      'pct stop*',
      'pct destroy*',
      'pveum role delete*',
      'pveum user*delete*',
      'pveum user token remove*',
    ]
    host.faults('fail 0 pct set*', ...[...undoing, 'pveam remove*'].map((command) => `fail 1 ${command}`))
    expect(fails()).toMatchObject({ code: 1 })
  })

  test.each([
    ['a container that gets no address', 'no-dhcp', 118, 'no address on vmbr0'],
    ['no network for the template', 'offline', 222, 'could not be downloaded'],
    ['a container that is left half made', 'breaks-off', 209, 'the node went away'],
  ])('%s', (_, name, code, text) => {
    host.set(name)
    const ran = fails()
    host.unset(name)
    expect(ran).toEqual({ code, text: expect.stringContaining(text) })
  })

  test('a token that may do more than it should is not left behind', () => {
    host.set('grants', 'Sys.Syslog')
    const { code, text } = fails()
    host.unset('grants')
    expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('answers 200 instead of 403') })
  })

  test('lines of /etc/subuid that it had to add go again', () => {
    host.sh('sed -i "/^root/d" /etc/subuid /etc/subgid')
    const without = host.world()
    host.faults('fail 0 pct push*targets.yaml*')
    const { code } = host.run({ env: { var_wait: '3' } })
    expect(code).toBe(1)
    expect(host.world()).toBe(without)
    host.sh('echo root:100000:65536 | tee -a /etc/subuid /etc/subgid')
    expect(host.world()).toBe(before)
  })

  test('an id that somebody else takes in between stays theirs, and the next one is taken', () => {
    host.forget()
    host.faults('taken 1 pct create*')
    const ran = host.run({ env: { var_wait: '3', var_listen: '0.0.0.0:8099' } })
    expect(ran.code).toBe(1)
    expect(host.effects()).toContain('+container 102')
    expect(host.effects()).not.toContain('-container 101')
    host.sh('rm /etc/pve/lxc/101.conf')
    expect(host.world()).toBe(before)
  })

  /** Of the 51 calls of a run, all after its traps are set, or a few that are the same in every run of the tests. */
  const calls = (few: number, seed: number): readonly number[] =>
    Array.from({ length: long ? 49 : few }, (_, index) => (long ? index + 3 : ((index * 19 + seed) % 49) + 3))

  test.each(calls(4, 11))('ended by a signal before call %i', (call) => {
    const [signal, expected] = (
      [
        ['TERM', 143],
        ['INT', 130],
        ['HUP', 129],
      ] as const
    )[call % 3] ?? ['TERM', 143]
    host.faults(`${signal} ${call} *`)
    const { code, text } = fails()
    expect(code, text).toBe(expected)
  })

  test.each(calls(2, 30))('call %i fails', (call) => {
    host.faults(`fail ${call} *`)
    const { code } = host.run({ env: { var_wait: '3' } })
    host.faults()
    // Some may fail without harm.
    if (code === 0) removeAll()
    expect(host.world()).toBe(before)
  })

  test.each(calls(1, 33))('killed before call %i, the next run removes what is left and makes a new one', (call) => {
    host.faults(`KILL ${call} *`)
    host.run({ env: { var_wait: '3' } })
    host.faults()
    expect(host.run({ env: { var_wait: '3' } })).toMatchObject({ code: 0 })
    removeAll()
    expect(host.world()).toBe(before)
  })
})

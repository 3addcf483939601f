import { describe, expect, test } from 'bun:test'
import { type Intended, refusedUnit } from '../../src/formats/service-lifelines.ts'
import { serviceName, unitName } from '../../src/formats/service-name.ts'
import { parseServiceState } from '../../src/formats/service-state.ts'
import { parseServiceStatus } from '../../src/formats/service-status.ts'

const sections = (parts: Readonly<Record<string, string>>): string =>
  Object.entries(parts)
    .map(([name, text]) => `\x1e${name}\n${text}\n`)
    .join('')

const crashed = sections({
  systemd: '',
  show: `MainPID=0
Result=exit-code
NRestarts=5
ExecMainCode=1
ExecMainStatus=3
MemoryCurrent=18446744073709551615
Id=web.service
Description=A web server
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=enabled
StateChangeTimestamp=Sat 2026-11-21 08:44:34 UTC
NeedDaemonReload=yes`,
  journal: '2026-11-21T08:44:34+0000 sh[74]: it \x1b[31mbreaks',
  journal_end: '0',
})

const openRc = {
  openrc: '',
  name: 'sshd',
  status: ' * status: started',
  runlevels: '                 sshd | default\n              sshdump | boot\n',
}

describe('the state of one service', () => {
  test('that crashed says how it ended, and since when', () => {
    expect(parseServiceStatus(crashed)).toEqual({
      kind: 'unit',
      service: {
        service: 'web.service',
        state: 'failed',
        sub: 'failed',
        enabled: 'enabled',
        since: '2026-11-21T08:44Z',
        restarts: 5,
        result: 'exit-code (status 3)',
        description: 'A web server',
        note: 'the unit file changed on disk since it was loaded',
        journal: '2026-11-21T08:44:34Z sh[74]: it  [31mbreaks',
      },
    })
  })

  test('of OpenRC is told in words of systemd, with its runlevels', () => {
    const output = sections({
      ...openRc,
      describe: 'Error: a warning before it\n * OpenSSH server\n * healthcheck: no description',
      started: '1795250674',
      pid: '812',
      memory: 'VmRSS:\t    4096 kB',
    })
    expect(parseServiceStatus(output)).toEqual({
      kind: 'unit',
      service: {
        service: 'sshd',
        state: 'active',
        sub: 'started',
        enabled: 'enabled (default)',
        since: '2026-11-21T08:44Z',
        main_pid: 812,
        memory_mib: 4,
        description: 'OpenSSH server',
        not_measured: 'journal (OpenRC keeps none)',
      },
    })
  })

  test('of a unit that systemd does not have is absent', () => {
    const output = sections({ systemd: '', show: 'Id=nope.service\nLoadState=not-found' })
    expect(parseServiceStatus(output)).toEqual({ kind: 'absent' })
  })

  test('cannot be forged by a line of the journal', () => {
    const forged = `${crashed}\x1eshow\nId=other.service\nActiveState=active\n`
    expect(parseServiceStatus(forged)).toMatchObject({ service: { service: 'web.service', state: 'failed' } })
  })

  test('is not understood in the output of something else', () => {
    expect(parseServiceStatus('Welcome to OpenWrt')).toBeUndefined()
    expect(parseServiceState('Welcome to OpenWrt')).toBeUndefined()
  })
})

describe('the list of services', () => {
  test('begins with those that failed, then those on their way', () => {
    const units = `a.service loaded active running A
● z.service loaded failed failed Z service with a mark before it
m.service loaded activating auto-restart M`
    const reading = parseServiceStatus(sections({ systemd: '', units }))
    expect(reading).toMatchObject({ rows: [{ name: 'z', state: 'failed' }, { name: 'm' }, { name: 'a' }] })
  })

  test('of OpenRC leaves out what is stopped', () => {
    const services = ` sshd                 [  started 00:12:03 (0) ]
 crond                [  crashed  ]
 ntpd                 [  stopped  ]`
    expect(parseServiceStatus(sections({ openrc: '', services }))).toEqual({
      kind: 'services',
      rows: [
        { name: 'crond', state: 'failed', sub: 'crashed', description: '' },
        { name: 'sshd', state: 'active', sub: 'started', description: '' },
      ],
    })
  })
})

describe('the name of a service', () => {
  test.each(['nginx', 'php8.2-fpm', 'getty@tty1.service', 'dev-disk\\x2d1.swap', '@x'])('%p is one', (name) => {
    expect(serviceName.test(name)).toBe(true)
  })

  test.each(['-H', '--now', 'a b', 'a/b', '../a', 'a\n', 'a\0', '', '.x', 'a*', 'ä'])('%j is none', (name) => {
    expect(serviceName.test(name)).toBe(false)
  })

  test('is completed unless it has a suffix of systemd', () => {
    expect(['nginx', 'php8.2-fpm', 'ssh.socket'].map(unitName)).toEqual([
      'nginx.service',
      'php8.2-fpm.service',
      'ssh.socket',
    ])
  })
})

describe('what would cut us off', () => {
  const refused = (action: Intended['action'], names: readonly string[], more: Partial<Intended> = {}) =>
    refusedUnit({ action, names, stops: [], self: '', allowed: [], ...more })?.unit

  test.each([
    'ssh.service',
    'ssh.socket',
    'sshd@1.service',
    'dropbear.service',
    'tailscaled.service',
    'networking.service',
    'systemd-networkd.socket',
    'NetworkManager.service',
    'systemd-resolved.service',
    'dbus.socket',
    'dbus-broker.service',
    'systemd-logind.service',
    'pveproxy.service',
    'pve-cluster.service',
    'tailops.service',
    'tailops@lab.socket',
    'multi-user.target',
    'system.slice',
    'user@0.service',
  ])('%s is not stopped, restarted or disabled', (unit) => {
    expect([refused('stop', [unit]), refused('restart', [unit]), refused('disable', [unit])]).toEqual([
      unit,
      unit,
      unit,
    ])
  })

  test('is found behind another name', () => {
    expect(refused('stop', ['shell.service', 'sshd.service'])).toBe('shell.service')
  })

  test('is found among what goes down with a unit', () => {
    expect(refused('stop', ['web.service'], { stops: ['a.service', 'ssh.service'] })).toBe('ssh.service')
    expect(refused('stop', ['web.service'], { stops: ['multi-user.target'] })).toBeUndefined()
  })

  test('is the unit that we run in', () => {
    expect(refused('restart', ['gw.service'], { self: 'gw.service' })).toBe('gw.service')
    expect(refused('start', ['gw.service'], { self: 'gw.service' })).toBeUndefined()
  })

  test('may be changed when the target lists it, with or without suffix', () => {
    expect(refused('stop', ['ssh.service'], { allowed: ['ssh'] })).toBeUndefined()
    expect(refused('stop', ['ssh.socket'], { allowed: ['ssh'] })).toBe('ssh.socket')
    expect(refused('stop', ['web.service'], { allowed: ['web'], stops: ['ssh.service'] })).toBe('ssh.service')
  })

  test('does not keep anybody from what is harmless', () => {
    expect(refused('start', ['ssh.service'])).toBeUndefined()
    expect(refused('reload', ['ssh.service'])).toBeUndefined()
    expect(refused('stop', ['sshguard.service'])).toBeUndefined()
    expect(refused('restart', ['nginx.service'])).toBeUndefined()
  })

  test('is a reload of the network, and a start of what turns the machine off', () => {
    expect(refused('reload', ['networking.service'])).toBe('networking.service')
    expect(refused('start', ['systemd-poweroff.service'])).toBe('systemd-poweroff.service')
    expect(refused('start', ['reboot.target'])).toBe('reboot.target')
  })
})

describe('what a change depends on', () => {
  test('is read from systemd', () => {
    const output = sections({
      systemd: '',
      show: `Type=oneshot
RemainAfterExit=no
Id=web.service
Names=fine.service web.service
TriggeredBy=web.socket
LoadState=loaded
ActiveState=active
FragmentPath=/etc/systemd/system/web.service
UnitFileState=enabled
CanReload=yes`,
      along: 'needy.service',
      conflicts: '',
      self: '0::/system.slice/gw.service',
    })
    expect(parseServiceState(output)).toEqual({
      kind: 'unit',
      state: {
        init: 'systemd',
        unit: 'web.service',
        names: ['web.service', 'fine.service'],
        active: 'active',
        enabled: 'enabled',
        fragment: '/etc/systemd/system/web.service',
        broken: '',
        canReload: true,
        stays: false,
        runlevels: [],
        triggers: ['web.socket'],
        along: ['needy.service'],
        conflicts: [],
        self: 'gw.service',
      },
    })
  })

  test('is read from OpenRC', () => {
    const output = sections({ ...openRc, script: '/etc/init.d/sshd', along: '', self: '0::/' })
    expect(parseServiceState(output)).toMatchObject({
      state: { init: 'openrc', unit: 'sshd', names: ['sshd.service'], active: 'active', runlevels: ['default'] },
    })
  })
})

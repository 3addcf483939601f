import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { effectOf } from '../../src/core/effect.ts'
import { command, get, post } from '../../src/core/operation.ts'
import { isReadCommand } from '../../src/core/read-commands.ts'

const effect = (...argv: readonly [string, ...string[]]) => effectOf(command(argv))

/** What the man pages say: it prints what is, ends by itself, and stays on this machine. */
const reads: readonly (readonly [string, ...string[]])[] = [
  ['df'],
  ['df', '-PkT'],
  ['df', '-h', '/'],
  ['df', '--total', '-h'],
  ['free', '-m'],
  ['free', '-htw'],
  ['uptime'],
  ['uptime', '-p'],
  ['uname', '-a'],
  ['hostname'],
  ['hostname', '-f'],
  ['id'],
  ['id', '-un', 'nobody'],
  ['date'],
  ['date', '-u', '+%Y-%m-%d %H:%M'],
  ['date', '-Iseconds'],
  ['lsblk', '-J', '-o', 'NAME,SIZE,FSTYPE'],
  ['nproc', '--all'],
  ['who', '-b'],
  ['ss', '-tulpn'],
  ['ss', '-tn', 'state', 'established', 'dport', '=', ':443'],
  ['journalctl', '-u', 'nginx', '-n', '50', '--no-pager'],
  ['journalctl', '-xeu', 'nginx.service'],
  ['journalctl', '-unginx', '-n20'],
  ['journalctl', '--unit=nginx', '--since', '2 hours ago', '--until=2026-01-01 10:00'],
  ['journalctl', '-S', '-1h', '-p', 'err'],
  ['journalctl', '-p', 'warning..err', '-b'],
  ['journalctl', '-b', '-1', '-k'],
  ['journalctl', '--grep=oom|killed', '-o', 'json'],
  ['journalctl', '-g', 'a -- b', '-q'],
  ['journalctl', '_SYSTEMD_UNIT=ssh.service', '+', '_PID=1'],
  ['journalctl', '--disk-usage'],
  ['systemctl'],
  ['systemctl', '--failed', '--no-legend'],
  ['systemctl', 'status', 'nginx.service'],
  ['systemctl', '-n', '20', 'status', '--', 'nginx'],
  ['systemctl', 'show', '-p', 'ActiveState,SubState', 'ssh'],
  ['systemctl', 'is-active', 'a.service', 'b.timer'],
  ['systemctl', 'list-units', '--type=service', '--state=failed'],
  ['systemctl', 'list-timers', '--all'],
  ['systemctl', 'cat', 'getty@tty1.service'],
]

/** They change something, never end, look elsewhere, or are not known to be harmless. */
const writes: readonly (readonly [string, ...string[]])[] = [
  ['rm', '-rf', '/'],
  ['/usr/bin/df'],
  ['constructor'],
  ['toString'],
  ['df', '/dev/watchdog'], // df opens what it is given
  ['df', '/var/log'],
  ['df', '--sync'],
  ['df', '-t', 'ext4'],
  ['df', '--to'],
  ['free', '-s', '1'],
  ['free', '-ms1'],
  ['free', '-c', '9'],
  ['uptime', '/etc/shadow'],
  ['hostname', 'newname'],
  ['hostname', '-F', '/etc/hostname'],
  ['hostname', '-b', 'x'],
  ['hostname', '--', 'newname'],
  ['hostname', '-fF', '/etc/x'],
  ['id', 'root', 'daemon'],
  ['date', '-s', '2020-01-01'],
  ['date', '--set=2020-01-01'],
  ['date', '--se=2020-01-01'],
  ['date', '-us', '2020-01-01'],
  ['date', '010203042026'],
  ['date', '--', '010203042026'],
  ['date', '-f', '/etc/shadow'],
  ['date', '-r', '/etc/shadow'],
  ['date', '+%s', '010203042026'],
  ['lsblk', '/dev/sda'],
  ['lsblk', '--sysroot', '/mnt'],
  ['lsblk', '-o', '--sysroot=/mnt'],
  ['who', '/etc/shadow'],
  ['who', '--lookup'],
  ['ss', '-K'],
  ['ss', '-tK', 'dst', '10.0.0.1'],
  ['ss', '--kill'],
  ['ss', '--ki'],
  ['ss', '-D', '/etc/passwd'],
  ['ss', '-tD/etc/passwd'],
  ['ss', '-F', '/etc/shadow'],
  ['ss', '-N', 'other'],
  ['ss', '-E'],
  ['ss', '-r'],
  ['journalctl', '--rotate'],
  ['journalctl', '--flush'],
  ['journalctl', '--sync'],
  ['journalctl', '--relinquish-var'],
  ['journalctl', '--setup-keys'],
  ['journalctl', '--update-catalog'],
  ['journalctl', '--vacuum-time=1s'],
  ['journalctl', '--vacuum-time', '1s'],
  ['journalctl', '--vacuum-size=1K'],
  ['journalctl', '--vac', '1s'],
  ['journalctl', '--rot'],
  ['journalctl', '--cursor-file=/etc/passwd'],
  ['journalctl', '-f'],
  ['journalctl', '-fu', 'nginx'],
  ['journalctl', '--file=/home/x/journal'],
  ['journalctl', '-D', '/mnt'],
  ['journalctl', '--directory=/mnt'],
  ['journalctl', '--root=/mnt'],
  ['journalctl', '-M', 'guest'],
  ['journalctl', '-m'],
  ['journalctl', '/usr/sbin/sshd'],
  ['journalctl', '-o', '--rotate'],
  ['journalctl', '-o', 'unknown'],
  ['journalctl', '-n', '--rotate'],
  ['journalctl', '-u', '--rotate'],
  ['journalctl', '-b', '--rotate'],
  ['journalctl', '-g', 'x', '--rotate'],
  ['journalctl', '-u'],
  ['systemctl', 'restart', 'nginx'],
  ['systemctl', 'stop', 'show'],
  ['systemctl', '-p', 'show', 'stop', 'nginx'], // the value of -p is no verb
  ['systemctl', '-t', 'status', 'reboot'],
  ['systemctl', '--property', 'show', 'stop', 'nginx'],
  ['systemctl', '--', 'stop', 'nginx'],
  ['systemctl', 'show', '--', '--x'],
  ['systemctl', 'status', '-H', 'root@other'],
  ['systemctl', 'status', '-Hother'],
  ['systemctl', 'status', '--host=other'],
  ['systemctl', 'status', '-M', 'guest'],
  ['systemctl', '--root=/mnt', 'is-enabled', 'x'],
  ['systemctl', 'status', '-s9'],
  ['systemctl', 'status', '-f'],
  ['systemctl', 'daemon-reload'],
  ['systemctl', 'edit', 'nginx'],
  ['systemctl', 'cat', '/etc/shadow'],
  ['systemctl', 'is-system-running', '--wait'],
  ['systemctl', 'show\n', 'x'],
]

describe('a command that only looks is a read', () => {
  for (const argv of reads) test(argv.join(' '), () => expect(effect(...argv)).toBe('read'))
})

describe('a command that may change, never end or look elsewhere is a write', () => {
  for (const argv of writes) test(JSON.stringify(argv.join(' ')), () => expect(effect(...argv)).toBe('write'))
})

/** Letters by which a program changes something, never ends, or looks elsewhere; a write in whatever company. */
const forbidden: Readonly<Record<string, string>> = {
  df: 'Bxt',
  free: 'sc',
  hostname: 'Fby',
  date: 'sdfr',
  ss: 'KDFNEArf',
  journalctl: 'fDMimcTh',
  systemctl: 'HMsfoiPh',
}
const known = reads.map(([program]) => program)
const argument = fc.oneof(
  fc.constantFrom(...new Set(reads.flatMap(([, ...args]) => args))),
  fc.constantFrom(...new Set(writes.flatMap(([, ...args]) => args))),
  fc.string({ maxLength: 8 }),
)

describe('no company makes a dangerous argument a read', () => {
  test('a long option that is nowhere known', () => {
    const stranger = fc.stringMatching(
      /^--(ki|va|rot|fl|se|root|file|dir|host|mach|cursor-f|sync|upd|image|sysr)[a-z=/.-]{0,8}$/,
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...known),
        fc.array(argument, { maxLength: 3 }),
        stranger,
        (program, args, option) => {
          expect(isReadCommand([program, option, ...args])).toBe(false)
          expect(isReadCommand([program, ...args, option])).toBe(false)
        },
      ),
    )
  })

  test('a cluster that begins with harmless letters and has a forbidden one', () => {
    const harmless: Readonly<Record<string, string>> = {
      df: 'hk',
      free: 'hm',
      ss: 'tuln',
      journalctl: 'xeq',
      systemctl: 'laq',
    }
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(forbidden)), fc.nat(), fc.nat(), (program, a, b) => {
        const letters = forbidden[program] ?? ''
        const before = (harmless[program] ?? '').slice(0, a % 4)
        expect(isReadCommand([program, `-${before}${letters[b % letters.length]}`, 'x'])).toBe(false)
        expect(isReadCommand([program, `-${before}${letters[b % letters.length]}`])).toBe(false)
      }),
    )
  })

  test('control characters in an option, an unknown operand, and a program with a path', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...reads),
        // `/` alone is the one path that df may be given.
        fc.stringMatching(/^[\x01-\x1f/!;|&$`"'<>]{1,6}$/).filter((odd) => odd !== '/'),
        ([program, ...args], odd) => {
          expect(isReadCommand([program, ...args, odd])).toBe(false)
          expect(isReadCommand([`/bin/${program}`, ...args])).toBe(false)
          expect(isReadCommand([program + odd, ...args])).toBe(false)
        },
      ),
    )
  })

  test('date without a format as its only operand sets nothing', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (word) => {
        fc.pre(!word.startsWith('+') && !['-u', '-R', '-I', '-uR', '--'].includes(word))
        expect(isReadCommand(['date', word])).toBe(false)
      }),
    )
  })

  test('the first operand of systemctl decides, whatever stands before it', () => {
    const options = fc.constantFrom(
      ['-p', 'show'],
      ['-t', 'status'],
      ['-n', '5'],
      ['--state', 'cat'],
      ['-a'],
      ['--no-pager'],
      ['--'],
    )
    const verb = fc.constantFrom(
      'stop',
      'start',
      'restart',
      'kill',
      'mask',
      'enable',
      'reboot',
      'set-property',
      'daemon-reload',
    )
    fc.assert(
      fc.property(
        fc.array(options, { maxLength: 4 }),
        verb,
        fc.array(argument, { maxLength: 2 }),
        (before, act, after) => {
          expect(isReadCommand(['systemctl', ...before.flat(), act, ...after])).toBe(false)
        },
      ),
    )
  })
})

test('a request reads by GET and HEAD, a script by its folder', () => {
  expect(effectOf(get('/x'))).toBe('read')
  expect(effectOf({ kind: 'request', method: 'HEAD', path: '/x' })).toBe('read')
  expect(effectOf(post('gateway:/jobs/ab1/cancel'))).toBe('read')
  expect(effectOf(post('/jobs/ab1/cancel'))).toBe('write')
  expect(effectOf(post('gateway:/jobs/ab1/cancel/../../x'))).toBe('write')
  expect(effectOf(post('/x'))).toBe('write')
  expect(effectOf({ kind: 'script', name: 'read/processes', args: [] })).toBe('read')
})

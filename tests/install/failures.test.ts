import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type InstallMachine, startInstallMachine } from '../support/installer.ts'
import { canStartMachines } from '../support/machine.ts'
import { laneOf } from '../support/machine-lane.ts'

setDefaultTimeout(600_000)

const isLong = process.env['TAILOPS_TEST_LONG'] === '1'

/** Seconds after its start at which a run is ended: at random, and the same in every run of the tests. */
function moments(seed: number, few: number): readonly [string][] {
  let state = seed
  const count = isLong ? 20 : few
  return Array.from({ length: count }, (_, index) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return [(((index + state / 2_147_483_648) / count) * 2.4).toFixed(2)]
  })
}

const ended = (signal: string, after: string, file: string): string =>
  `$INSTALL --from /opt/t/${file} >/dev/null & pid=$!; sleep ${after}; kill -${signal} $pid; wait $pid`

const failing = laneOf(() => startInstallMachine())
const killing = laneOf(() => startInstallMachine())
const upgrading = laneOf(() => startInstallMachine())

afterAll(() => Promise.all([failing, killing, upgrading].map((lane) => lane.stop())), 30_000)

/** Each case: a shell's text around install.sh, how it must end, and what it must say. */
const failures: readonly (readonly [name: string, text: string, code: number, says: string])[] = [
  ['a wrong checksum', `$INSTALL --from /opt/t/tailops --sha256 ${'0'.repeat(64)}`, 4, 'checksum of tailops is wrong'],
  ['no checksum at all', '$INSTALL --from /opt/t/install.sh', 4, 'no checksum'],
  [
    'a file that is no tailops',
    '$INSTALL --from /etc/hostname --sha256 "$(sha256sum /etc/hostname | cut -c-64)"',
    4,
    'does not run on this machine',
  ],
  ['a script of no release', '$INSTALL', 2, 'belongs to no release'],
  [
    'no program to download with',
    'sed "s|^release_url=.*|release_url=https://tailops.invalid|;s|^release_version=.*|release_version=1.0.0|" /opt/t/install.sh | sh',
    3,
    'neither curl nor wget',
  ],
  ['not root', 'runuser -u nobody -- $INSTALL --from /opt/t/tailops', 3, 'needs root'],
  [
    'no space for the binary',
    'mount -t tmpfs -o size=20m,mode=755 none /usr/local/bin; $INSTALL --from /opt/t/tailops; code=$?; ls -A /usr/local/bin | grep . && code=77; umount /usr/local/bin; exit $code',
    1,
    'no space in /usr/local/bin',
  ],
  [
    'no space for the state',
    'mount -t tmpfs -o size=16k,mode=755 none /var/lib; $INSTALL --from /opt/t/old; code=$?; umount -l /var/lib; exit $code',
    1,
    'Nothing was changed',
  ],
  [
    'a read-only /usr',
    'unshare -m sh -c "mount --bind /usr /usr; mount -o remount,ro,bind /usr; $INSTALL --from /opt/t/old"',
    1,
    'read-only',
  ],
  [
    'a configuration from before that is invalid',
    'mkdir /etc/tailops; echo "targets: [" >/etc/tailops/targets.yaml; chmod -R go+rX /etc/tailops; $INSTALL --from /opt/t/old; code=$?; cat /etc/tailops/targets.yaml; rm -r /etc/tailops; exit $code',
    1,
    'targets.yaml:',
  ],
  [
    'a taken port',
    'mkdir /tmp/o; TAILOPS_STATE_DIR=/tmp/o/s TAILOPS_CONFIG=/tmp/o/c HOME=/tmp/o /opt/t/tailops demo >/tmp/o/log 2>&1 & pid=$!; /opt/t/tailops health --wait 15; $INSTALL --from /opt/t/old; code=$?; kill $pid; wait $pid; rm -rf /tmp/o; exit $code',
    1,
    'another TailOps answers',
  ],
  [
    'a port that another program has taken',
    '/usr/sbin/sshd -D -p 8080 -o ListenAddress=127.0.0.1 -o PidFile=none & pid=$!; until grep -q " 0100007F:1F90 .* 0A " /proc/net/tcp; do sleep .1; done; $INSTALL --from /opt/t/old; code=$?; kill $pid; exit $code',
    1,
    'another program listens there',
  ],
]

describe.skipIf(!canStartMachines).concurrent('an installation that fails leaves the machine as it was:', () => {
  const leavesNothing = async (machine: InstallMachine) => {
    expect(await machine.listing()).toBe(machine.fresh)
    expect(await machine.isReady()).toBe(false)
  }

  for (const [name, text, code, says] of failures) {
    test(
      name,
      failing.turn(async (machine) => {
        expect(await machine.around(text)).toMatchObject({ code, text: expect.stringContaining(says) })
        await leavesNothing(machine)
      }),
    )
  }

  test(
    'a download of the script that broke off',
    failing.turn(async (machine) => {
      const size = Number(machine.run('sh', '-c', 'wc -c </opt/t/install.sh'))
      for (const share of [0.2, 0.5, 0.9, 0.9995]) {
        const bytes = Math.floor(size * share)
        const { text } = await machine.around(`head -c ${bytes} /opt/t/install.sh | sh -s -- --from /opt/t/old`)
        expect(text).not.toContain('ready')
        await leavesNothing(machine)
      }
    }),
  )

  test.each(moments(5, 3))(
    'ended by a signal after %s s',
    failing.turn(async (machine, after: string) => {
      // On a fast machine it may have ended before.
      const { code } = await machine.around(ended('TERM', after, 'old'))
      if (code === 0) await machine.install('--uninstall --purge --yes')
      await leavesNothing(machine)
    }),
  )

  test.each(moments(7, 3))(
    'killed after %s s, it is taken over by the next run',
    killing.turn(async (machine, after: string) => {
      await machine.around(ended('KILL', after, 'old'))
      expect(await machine.install('--from /opt/t/old')).toMatchObject({ code: 0 })
      expect(await machine.isReady()).toBe(true)
      expect((await machine.install('--uninstall --purge --yes')).code).toBe(0)
      await leavesNothing(machine)
    }),
  )
})

describe.skipIf(!canStartMachines).concurrent('an upgrade that fails leaves a version that runs:', () => {
  let token = ''
  const works = async (machine: InstallMachine) => {
    expect((await machine.around('/opt/t/tailops health --wait 20')).code).toBe(0)
    expect((await machine.call(token, 'health_check')).status).toBe(200)
  }
  /** From the old version, which is installed first and put back after it. */
  const upgrade = (body: (machine: InstallMachine, after: string) => Promise<void>) =>
    upgrading.turn(async (machine, after: string) => {
      const { token: first, code } = await machine.install('--from /opt/t/old')
      expect(code).toBe(0)
      token = first ?? token
      await body(machine, after)
      await works(machine)
    })

  test.each(moments(11, 2))(
    'ended by a signal after %s s',
    upgrade(async (machine, after) => {
      await machine.around(ended('TERM', after, 'tailops'))
    }),
  )

  test.each(moments(13, 2))(
    'killed after %s s, and the next run goes on',
    upgrade(async (machine, after) => {
      await machine.around(ended('KILL', after, 'tailops'))
      await works(machine)
      expect((await machine.install('--from /opt/t/old')).code).toBe(0)
    }),
  )

  test.each([
    [
      'no space',
      'cp -p $bin/tailops /tmp/t; mount -t tmpfs -o size=20m,mode=755 none $bin; mv /tmp/t $bin/tailops',
      'no space in',
    ],
    ['a read-only /usr', 'mount --bind /usr /usr; mount -o remount,ro,bind /usr', 'read-only'],
  ])('%s: the same process serves', (_, before, says) =>
    upgrade(async (machine) => {
      const pid = await machine.mainPid()
      const text = `bin=/usr/local/bin; ${before}; $INSTALL --from /opt/t/tailops; code=$?; ls -A $bin >&2; exit $code`
      const { code, text: said } = await machine.around(`export INSTALL; unshare -m sh -c '${text}'`)
      expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining(says) })
      expect(said).toEndWith('\ntailops\n')
      expect(await machine.version()).toBe('tailops 0.0.9')
      expect(await machine.mainPid()).toBe(pid)
    })(''),
  )

  test(
    'two at once: one installs, the other says so',
    upgrading.turn(async (machine) => {
      const { text } = await machine.around(
        '$INSTALL --from /opt/t/tailops & sleep .5; $INSTALL --from /opt/t/tailops; echo "ended $?"; wait',
      )
      expect(text).toContain('another run of install.sh has not ended')
      expect(text).toContain('ended 1')
      await works(machine)
    }),
  )
})

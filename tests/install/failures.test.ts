import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type InstallMachine, startInstallMachine } from '../support/installer.ts'
import { canStartMachines } from '../support/machine.ts'

setDefaultTimeout(120_000)

const long = process.env['TAILOPS_TEST_LONG'] === '1'

/** Seconds after its start at which a run is killed: the same in every run of the tests. */
function moments(seed: number, count: number, within: number): readonly [string][] {
  let state = seed
  return Array.from({ length: count }, (_, index) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return [(((index + state / 2_147_483_648) / count) * within).toFixed(2)]
  })
}

const killed = (signal: string, after: string, file: string): string =>
  `$INSTALL --from /opt/t/${file} >/dev/null & pid=$!; sleep ${after}; kill -${signal} $pid; wait $pid`

describe.skipIf(!canStartMachines)('an installation that fails', () => {
  let machine: InstallMachine
  let before = ''
  beforeAll(async () => {
    machine = await startInstallMachine()
    before = machine.listing()
  }, 240_000)
  afterAll(() => machine.stop(), 30_000)

  describe('leaves the machine as it was:', () => {
    afterEach(() => {
      expect(machine.listing()).toBe(before)
      expect(machine.isReady()).toBe(false)
    })

    test('a wrong checksum', () => {
      const { code, text } = machine.install(`--from /opt/t/tailops --sha256 ${'0'.repeat(64)}`)
      expect({ code, text }).toEqual({ code: 4, text: expect.stringContaining('checksum of tailops is wrong') })
    })

    test('no checksum at all', () => {
      const { code, text } = machine.install('--from /opt/t/install.sh')
      expect({ code, text }).toEqual({ code: 4, text: expect.stringContaining('no checksum') })
    })

    test('a file that is no tailops', () => {
      const sum = machine.run('sha256sum', '/etc/hostname').split(' ')[0]
      const { code, text } = machine.install(`--from /etc/hostname --sha256 ${sum}`)
      expect({ code, text }).toEqual({ code: 4, text: expect.stringContaining('does not run on this machine') })
    })

    test('no release, no network', () => {
      expect(machine.install()).toMatchObject({ code: 2, text: expect.stringContaining('belongs to no release') })
      const released = `sed "s|^release_url=.*|release_url='https://tailops.invalid/r'|;s|^release_version=.*|release_version=1.0.0|"`
      const { code, text } = machine.around(`${released} /opt/t/install.sh | sh`)
      expect({ code: [1, 3].includes(code ?? 0), text }).toEqual({
        code: true,
        text: expect.stringMatching(/is there a network|neither curl nor wget/),
      })
    })

    test('a download of the script that broke off', () => {
      const size = Number(machine.run('sh', '-c', 'wc -c </opt/t/install.sh'))
      for (const share of [0.2, 0.5, 0.9, 0.9995]) {
        expect(machine.around(`head -c ${Math.floor(size * share)} /opt/t/install.sh | sh 2>&1`).text).not.toContain(
          'ready',
        )
      }
    })

    test('not root', () => {
      const { code, text } = machine.around('runuser -u nobody -- $INSTALL --from /opt/t/tailops')
      expect({ code, text }).toEqual({ code: 3, text: expect.stringContaining('needs root') })
    })

    test('no space for the binary', () => {
      const { code, text } = machine.around(
        'mount -t tmpfs -o size=20m,mode=755 none /usr/local/bin; $INSTALL --from /opt/t/tailops; code=$?; ls -A /usr/local/bin; umount /usr/local/bin; exit $code',
      )
      expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('no space in /usr/local/bin') })
      expect(text).not.toContain('.tailops')
    })

    test('no space for the state', () => {
      const { code, text } = machine.around(
        'mount -t tmpfs -o size=16k,mode=755 none /var/lib; $INSTALL --from /opt/t/old; code=$?; umount -l /var/lib; exit $code',
      )
      expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('Nothing was changed') })
    })

    test('a read-only /usr', () => {
      const { code, text } = machine.around(
        'unshare -m sh -c "mount --bind /usr /usr; mount -o remount,ro,bind /usr; $INSTALL --from /opt/t/old"',
      )
      expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('read-only') })
    })

    test('a taken port', () => {
      const { code, text } = machine.around(
        'mkdir /tmp/o; TAILOPS_STATE_DIR=/tmp/o/s TAILOPS_CONFIG=/tmp/o/c HOME=/tmp/o /opt/t/tailops demo >/tmp/o/log 2>&1 & pid=$!; /opt/t/tailops health --wait 15; $INSTALL --from /opt/t/old; code=$?; kill $pid; wait $pid; rm -rf /tmp/o; exit $code',
      )
      expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('another TailOps answers') })
    })

    test('a port that another program has taken', () => {
      const { code, text } = machine.around(
        '/usr/sbin/sshd -D -p 8080 -o ListenAddress=127.0.0.1 -o PidFile=none & pid=$!; until grep -q " 0100007F:1F90 .* 0A " /proc/net/tcp; do sleep .1; done; $INSTALL --from /opt/t/old; code=$?; kill $pid; exit $code',
      )
      expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('another program listens there') })
    })

    test.each(moments(5, long ? 20 : 3, 2.2))('ended by a signal after %s s', (after) => {
      // On a fast machine it may have ended before.
      const { code } = machine.around(killed('TERM', after, 'old'))
      if (code === 0) machine.install('--uninstall --purge --yes')
    })
  })

  test.each(moments(7, long ? 20 : 2, 2.2))('killed after %s s, it is taken over by the next run', (after) => {
    machine.around(killed('KILL', after, 'old'))
    expect(machine.install('--from /opt/t/old')).toMatchObject({ code: 0 })
    expect(machine.isReady()).toBe(true)
    expect(machine.install('--uninstall --purge --yes').code).toBe(0)
    expect(machine.listing()).toBe(before)
  })

  describe('as an upgrade', () => {
    let token = ''
    beforeAll(() => {
      token = machine.install('--from /opt/t/old').token ?? ''
    })
    const works = () => {
      expect(machine.around('/opt/t/tailops health --wait 20').code).toBe(0)
      expect(machine.call(token, 'health_check').status).toBe(200)
    }

    test.each(moments(11, long ? 20 : 2, 2.2))('ended by a signal after %s s, leaves a version that runs', (after) => {
      machine.around(killed('TERM', after, 'tailops'))
      works()
      machine.install('--from /opt/t/old')
    })

    test.each(moments(13, long ? 20 : 2, 2.2))('killed after %s s, leaves a version that runs', (after) => {
      machine.around(killed('KILL', after, 'tailops'))
      works()
      expect(machine.install('--from /opt/t/old').code).toBe(0)
      works()
    })

    test('two at once: one installs, the other says so', () => {
      const { text } = machine.around(
        '$INSTALL --from /opt/t/tailops & sleep .5; $INSTALL --from /opt/t/tailops; echo "ended $?"; wait',
      )
      expect(text).toContain('another run of install.sh has not ended')
      expect(text).toContain('ended 1')
      works()
    })
  })
})

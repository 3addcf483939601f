import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { startInstallMachine } from '../support/installer.ts'
import { canStartMachines } from '../support/machine.ts'
import { laneOf } from '../support/machine-lane.ts'

setDefaultTimeout(240_000)

const suites = canStartMachines ? (['bookworm', 'trixie'] as const) : []
const lanes = suites.map((suite) => ({ suite, lane: laneOf(() => startInstallMachine(suite)) }))

afterAll(() => Promise.all(lanes.map(({ lane }) => lane.stop())), 30_000)

/** The tests of a machine are the life of one installation, in this order. */
describe.concurrent.each(lanes)('install.sh on $suite', ({ lane: { turn } }) => {
  let token = ''

  test(
    'says what it would do, and does nothing',
    turn(async (machine) => {
      const { code, text } = await machine.install('--from /opt/t/old --dry-run')
      expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining('Nothing was changed.') })
      expect(await machine.listing()).toBe(machine.fresh)
    }),
  )

  test(
    'installs a service that is ready, and shows a token that works',
    turn(async (machine) => {
      const ended = await machine.install('--from /opt/t/old')
      expect(ended).toEqual({ code: 0, text: expect.stringContaining('is ready'), token: expect.any(String) })
      token = ended.token ?? ''
      expect(await machine.call(token, 'get_system_status')).toEqual({
        status: 200,
        text: expect.stringContaining('hostname:'),
      })
    }),
  )

  test(
    'its files belong to those who need them',
    turn(async (machine) => {
      const places = '/etc/tailops /etc/tailops/targets.yaml /var/lib/tailops /usr/local/bin/tailops'
      const { text } = await machine.around(`stat -c '%n %a %U %G' ${places}; ls /var/lib/tailops-install 2>&1`)
      expect(text).toBe(
        `/etc/tailops 750 root tailops
/etc/tailops/targets.yaml 640 root tailops
/var/lib/tailops 700 tailops tailops
/usr/local/bin/tailops 755 root root
ls: cannot access '/var/lib/tailops-install': No such file or directory
`,
      )
      expect((await machine.around('find /var/lib/tailops ! -user tailops -o ! -perm -600')).text).toBe('')
    }),
  )

  test(
    'systemd finds nothing to say of the unit, and little that it could do',
    turn(async (machine) => {
      const verified = await machine.around('systemd-analyze verify /etc/systemd/system/tailops.service')
      expect(verified).toMatchObject({ code: 0, text: '' })
      const secure = 'systemd-analyze security --no-pager --threshold=15 tailops.service'
      const { code, text } = await machine.around(secure)
      expect(code, text).toBe(0)
    }),
  )

  test(
    'doctor, run by root, looks at the service, and says how its state is looked at',
    turn(async (machine) => {
      const { text } = await machine.around('tailops doctor')
      expect(text).toContain('a gateway answers at 127.0.0.1:8080')
      const [asService = ''] = /systemd-run .* tailops doctor$/m.exec(text) ?? []
      const ended = await machine.around(asService)
      expect(ended).toMatchObject({ code: 0, text: expect.stringContaining('local answers') })
    }),
  )

  test(
    'it is reloaded and starts again after it was killed',
    turn(async (machine) => {
      machine.run('systemctl', 'reload', 'tailops')
      expect((await machine.around(reloaded)).code).toBe(0)
      const pid = await machine.mainPid()
      machine.run('systemctl', 'kill', '-s', 'KILL', '--kill-who=main', 'tailops')
      expect((await machine.around('/opt/t/tailops health --wait 20')).code).toBe(0)
      expect(await machine.mainPid()).not.toBe(pid)
    }),
  )

  test(
    'again is nothing to do: the same process serves',
    turn(async (machine) => {
      const pid = await machine.mainPid()
      expect(await machine.install('--from /opt/t/old')).toMatchObject({
        code: 0,
        text: expect.stringContaining('nothing to do'),
      })
      expect(await machine.mainPid()).toBe(pid)
    }),
  )

  test(
    'a version that crashes goes, and the one before runs again',
    turn(async (machine) => {
      const installed = await machine.listing()
      const { code, text } = await machine.install('--from /opt/t/crashing')
      expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('I crash') })
      expect((await machine.around('/opt/t/tailops health --wait 20')).code).toBe(0)
      expect(await machine.version()).toBe('tailops 0.0.9')
      expect(withoutWal(await machine.listing())).toBe(withoutWal(installed))
      expect((await machine.call(token, 'health_check')).status).toBe(200)
    }),
  )

  test(
    'an invalid configuration is refused before anything is touched',
    turn(async (machine) => {
      machine.run('sh', '-c', 'cd /etc/tailops && cp -p targets.yaml kept && echo "  local: [" >>targets.yaml')
      const pid = await machine.mainPid()
      const { code, text } = await machine.install('--from /opt/t/tailops')
      expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('targets.yaml:') })
      expect({ pid: await machine.mainPid(), version: await machine.version() }).toEqual({
        pid,
        version: 'tailops 0.0.9',
      })
      machine.run('sh', '-c', 'cd /etc/tailops && mv kept targets.yaml')
    }),
  )

  test(
    'a newer version takes the place; tokens and configuration stay',
    turn(async (machine) => {
      const config = machine.run('sh', '-c', 'echo "# mine" >>/etc/tailops/targets.yaml; cat /etc/tailops/targets.yaml')
      const ended = await machine.install('--from /opt/t/tailops')
      expect(ended).toEqual({ code: 0, text: expect.stringContaining('in the place of 0.0.9'), token: undefined })
      expect(await machine.version()).not.toBe('tailops 0.0.9')
      expect((await machine.call(token, 'health_check')).status).toBe(200)
      expect(machine.run('cat', '/etc/tailops/targets.yaml')).toBe(config)
    }),
  )

  test(
    'drop-ins: a credential that the configuration needs, without just-in-time compiler',
    turn(async (machine) => {
      machine.run('mkdir', '/etc/systemd/system/tailops.service.d')
      machine.writeFile(
        '/etc/systemd/system/tailops.service.d/mine.conf',
        '[Service]\nLoadCredential=grafana:/etc/tailops/grafana\nMemoryDenyWriteExecute=yes\n',
      )
      machine.run('sh', '-c', 'umask 077; echo secret >/etc/tailops/grafana; cd /etc/tailops; cp -p targets.yaml kept')
      writeFileSync(`${machine.root}/etc/tailops/targets.yaml`, withCredential, { flag: 'a' })
      machine.run('sh', '-c', 'systemctl daemon-reload && systemctl restart tailops')
      // The new version is tried with the credential as well.
      expect(await machine.install('--from /opt/t/old')).toMatchObject({
        code: 0,
        text: expect.stringContaining('is ready'),
      })
      expect((await machine.call(token, 'list_targets')).text).toContain('grafana')
      machine.run(
        'sh',
        '-c',
        'cd /etc/tailops; rm -r grafana /etc/systemd/system/tailops.service.d; mv kept targets.yaml',
      )
    }),
  )

  test(
    "uninstalled, it leaves what is the operator's; installed again, it goes on with it",
    turn(async (machine) => {
      // An update keeps and leaves these beside the executable.
      const ofUpdates = ['previous', 'previous.new', 'next', 'update-lock', 'update-lock-journal', 'update-pending']
      for (const name of ofUpdates) machine.writeFile(`/usr/local/bin/tailops.${name}`, '')
      expect((await machine.install('--uninstall')).code).toBe(0)
      expect(
        (await machine.around('ls -d /etc/tailops/targets.yaml /var/lib/tailops/tailops.db; id -un tailops')).text,
      ).toBe('/etc/tailops/targets.yaml\n/var/lib/tailops/tailops.db\ntailops\n')
      expect((await machine.around('ls /etc/systemd/system/tailops.service')).code).not.toBe(0)
      expect((await machine.around('ls -A /usr/local/bin')).text).toBe('')
      expect(await machine.install('--from /opt/t/tailops')).toMatchObject({ code: 0, token: undefined })
      expect((await machine.call(token, 'health_check')).status).toBe(200)
    }),
  )

  test(
    'purged, the machine is as before, whatever folder it was installed to',
    turn(async (machine) => {
      expect(await machine.install('--uninstall --purge </dev/null')).toMatchObject({ code: 2 })
      expect(await machine.isReady()).toBe(true)
      expect((await machine.install('--uninstall --purge --yes')).code).toBe(0)
      expect(await machine.listing()).toBe(machine.fresh)

      expect((await machine.install('--from /opt/t/old --prefix /opt/own/tailops --no-start')).code).toBe(0)
      expect((await machine.around('/opt/own/tailops/bin/tailops version')).text).toBe('tailops 0.0.9\n')
      expect((await machine.install('--uninstall --purge --yes')).code).toBe(0)
      machine.run('rmdir', '/opt/own')
      expect(await machine.listing()).toBe(machine.fresh)
    }),
  )
})

const withCredential = `  grafana:
    executor: http
    connection: { base_url: "http://127.0.0.1:3000", token: "file:\${CREDENTIALS_DIRECTORY}/grafana" }
    capabilities: [http:read]
`

const reloaded = `tries=0; until journalctl -u tailops -o cat -n 3 | grep 'configuration reloaded'; do
  tries=$((tries + 1)); [ $tries -lt 100 ] || exit 1; sleep .1; done`

/** SQLite makes these when it likes. */
const withoutWal = (listing: string): string => listing.replace(/^.*[.]db-(wal|shm) .*\n/gm, '')

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { type InstallMachine, startInstallMachine } from '../support/installer.ts'
import { canStartMachines } from '../support/machine.ts'

setDefaultTimeout(120_000)

/** The tests of this file are the life of one installation, in this order. */
describe.skipIf(!canStartMachines)('install.sh on a machine with systemd', () => {
  let machine: InstallMachine
  let before = ''
  let token = ''
  beforeAll(async () => {
    machine = await startInstallMachine()
    before = machine.listing()
  }, 240_000)
  afterAll(() => machine.stop(), 30_000)

  test('says what it would do, and does nothing', () => {
    const { code, text } = machine.install('--from /opt/t/old --dry-run')
    expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining('Nothing was changed.') })
    expect(machine.listing()).toBe(before)
  })

  test('installs a service that is ready, and shows a token that works', () => {
    const ended = machine.install('--from /opt/t/old')
    expect(ended).toEqual({ code: 0, text: expect.stringContaining('is ready'), token: expect.any(String) })
    token = ended.token ?? ''
    expect(machine.call(token, 'get_system_status')).toEqual({
      status: 200,
      text: expect.stringContaining('hostname:'),
    })
  })

  test('its files belong to those who need them', () => {
    const places = '/etc/tailops /etc/tailops/targets.yaml /var/lib/tailops /usr/local/bin/tailops'
    expect(machine.run('sh', '-c', `stat -c '%n %a %U %G' ${places}; ls /var/lib/tailops-install 2>&1 || true`)).toBe(
      `/etc/tailops 750 root tailops
/etc/tailops/targets.yaml 640 root tailops
/var/lib/tailops 700 tailops tailops
/usr/local/bin/tailops 755 root root
ls: cannot access '/var/lib/tailops-install': No such file or directory
`,
    )
    expect(machine.run('sh', '-c', 'find /var/lib/tailops ! -user tailops -o ! -perm -600')).toBe('')
  })

  test('systemd finds nothing to say of the unit, and little that it could do', () => {
    expect(machine.around('systemd-analyze verify /etc/systemd/system/tailops.service').text).toBe('')
    const { code, text } = machine.around('systemd-analyze security --no-pager --threshold=15 tailops.service')
    expect(code, text).toBe(0)
  })

  test('it is reloaded and starts again after it was killed', async () => {
    machine.run('systemctl', 'reload', 'tailops')
    expect(machine.around(reloaded).code).toBe(0)
    const pid = machine.mainPid()
    machine.run('systemctl', 'kill', '-s', 'KILL', '--kill-who=main', 'tailops')
    expect(machine.around('/opt/t/tailops health --wait 20').code).toBe(0)
    expect(machine.mainPid()).not.toBe(pid)
  })

  test('again is nothing to do: the same process serves', () => {
    const pid = machine.mainPid()
    expect(machine.install('--from /opt/t/old')).toMatchObject({
      code: 0,
      text: expect.stringContaining('nothing to do'),
    })
    expect(machine.mainPid()).toBe(pid)
  })

  test('a version that crashes goes, and the one before runs again', () => {
    const installed = machine.listing()
    const { code, text } = machine.install('--from /opt/t/crashing')
    expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('I crash') })
    expect(machine.around('/opt/t/tailops health --wait 20').code).toBe(0)
    expect(machine.version()).toBe('tailops 0.0.9')
    expect(withoutWal(machine.listing())).toBe(withoutWal(installed))
    expect(machine.call(token, 'health_check').status).toBe(200)
  })

  test('an invalid configuration is refused before anything is touched', () => {
    machine.run('sh', '-c', 'cd /etc/tailops && cp -p targets.yaml kept && echo "  local: [" >>targets.yaml')
    const pid = machine.mainPid()
    const { code, text } = machine.install('--from /opt/t/tailops')
    expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('targets.yaml:') })
    expect({ pid: machine.mainPid(), version: machine.version() }).toEqual({ pid, version: 'tailops 0.0.9' })
    machine.run('sh', '-c', 'cd /etc/tailops && mv kept targets.yaml')
  })

  test('a newer version takes the place; tokens and configuration stay', () => {
    const config = machine.run('sh', '-c', 'echo "# mine" >>/etc/tailops/targets.yaml; cat /etc/tailops/targets.yaml')
    const ended = machine.install('--from /opt/t/tailops')
    expect(ended).toEqual({ code: 0, text: expect.stringContaining('in the place of 0.0.9'), token: undefined })
    expect(machine.version()).not.toBe('tailops 0.0.9')
    expect(machine.call(token, 'health_check').status).toBe(200)
    expect(machine.run('cat', '/etc/tailops/targets.yaml')).toBe(config)
  })

  test('drop-ins: a credential that the configuration needs, without just-in-time compiler', () => {
    machine.run('mkdir', '/etc/systemd/system/tailops.service.d')
    machine.writeFile(
      '/etc/systemd/system/tailops.service.d/mine.conf',
      '[Service]\nLoadCredential=grafana:/etc/tailops/grafana\nMemoryDenyWriteExecute=yes\n',
    )
    machine.run('sh', '-c', 'umask 077; echo secret >/etc/tailops/grafana; cd /etc/tailops; cp -p targets.yaml kept')
    const target = `  grafana:
    executor: http
    connection: { base_url: "http://127.0.0.1:3000", token: "file:\${CREDENTIALS_DIRECTORY}/grafana" }
    capabilities: [http:read]
`
    writeFileSync(`${machine.root}/etc/tailops/targets.yaml`, target, { flag: 'a' })
    machine.run('sh', '-c', 'systemctl daemon-reload && systemctl restart tailops')
    // The new version is tried with the credential as well.
    expect(machine.install('--from /opt/t/old')).toMatchObject({ code: 0, text: expect.stringContaining('is ready') })
    expect(machine.call(token, 'list_targets').text).toContain('grafana')
    machine.run('sh', '-c', 'cd /etc/tailops; rm grafana /etc/systemd/system/tailops.service.d/*; mv kept targets.yaml')
    machine.run('rmdir', '/etc/systemd/system/tailops.service.d')
    expect(machine.install('--from /opt/t/tailops').code).toBe(0)
  })

  test.each([
    ['get_system_status', {}, 'mem_total_mib'],
    ['get_top_processes', {}, 'messagebus'],
    ['get_network_status', {}, '127.0.0.1'],
    ['get_network_io_counters', {}, 'rx_bytes'],
    ['get_active_connections', {}, 'not_measured: process of'],
    ['get_service_status', {}, 'systemd-journald,active,running'],
    ['get_service_status', { service: 'tailops' }, '"event":"listening"'],
    ['check_system_updates', {}, 'not_measured'],
    ['file_operations', { action: 'list', path: '/var/log' }, 'journal,folder'],
    ['list_targets', {}, 'local,local'],
    ['health_check', {}, '/etc/tailops/targets.yaml'],
    ['triage_fleet', {}, 'local'],
  ])('inside the unit %s %j tells of the machine', (tool, args, expected) => {
    const { status, text } = machine.call(token, tool, args)
    expect({ status, text }).toEqual({ status: 200, text: expect.stringContaining(expected) })
  })

  test('what the unit hides is said to be out of reach, never to be missing', () => {
    machine.run(
      'sed',
      '-i',
      's|file_roots: .*|file_roots: [/] }|;s|^    constraints:$|    constraints: {|',
      '/etc/tailops/targets.yaml',
    )
    machine.run('systemctl', 'reload', 'tailops')
    machine.run('sh', '-c', 'echo here >/home/file')
    for (const path of ['/home/file', '/root', '/etc/shadow']) {
      expect(machine.call(token, 'file_operations', { action: 'info', path }).text).toMatch(/may not be opened|denied/)
    }
    machine.run('rm', '/home/file')
  })

  test("uninstalled, it leaves what is the operator's; installed again, it goes on with it", () => {
    // An update keeps and leaves these beside the executable.
    const ofUpdates = ['previous', 'previous.new', 'next', 'update-lock', 'update-lock-journal', 'update-pending']
    for (const name of ofUpdates) machine.writeFile(`/usr/local/bin/tailops.${name}`, '')
    expect(machine.install('--uninstall').code).toBe(0)
    expect(machine.around('ls -d /etc/tailops/targets.yaml /var/lib/tailops/tailops.db; id -un tailops').text).toBe(
      '/etc/tailops/targets.yaml\n/var/lib/tailops/tailops.db\ntailops\n',
    )
    expect(machine.around('ls /etc/systemd/system/tailops.service').code).not.toBe(0)
    expect(machine.around('ls -A /usr/local/bin').text).toBe('')
    expect(machine.install('--from /opt/t/tailops')).toMatchObject({ code: 0, token: undefined })
    expect(machine.call(token, 'health_check').status).toBe(200)
  })

  test('purged, the machine is as before', () => {
    expect(machine.install('--uninstall --purge </dev/null')).toMatchObject({ code: 2 })
    expect(machine.isReady()).toBe(true)
    expect(machine.install('--uninstall --purge --yes').code).toBe(0)
    expect(machine.listing()).toBe(before)
  })
})

const reloaded = `tries=0; until journalctl -u tailops -o cat -n 3 | grep 'configuration reloaded'; do
  tries=$((tries + 1)); [ $tries -lt 100 ] || exit 1; sleep .1; done`

/** SQLite makes these when it likes. */
const withoutWal = (listing: string): string => listing.replace(/^.*[.]db-(wal|shm) .*\n/gm, '')

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binary } from '../support/installed.ts'
import { writeFiles } from '../support/pve-host/release.ts'
import { canMakePveHosts, makePveHost, type PveHost } from '../support/pve-host.ts'

setDefaultTimeout(120_000)

const clientFile = join(import.meta.dirname, '../support/pve-host/client.ts')

/** The tests of this file are the life of one container, in this order. */
describe.skipIf(!canMakePveHosts)('ct/tailops-gateway.sh on Proxmox VE 9.2', () => {
  const files = mkdtempSync(join(tmpdir(), 'tailops-ct-'))
  let host: PveHost
  let before = ''
  let url = ''
  let token = ''
  beforeAll(async () => {
    host = await makePveHost({ template: 'debian', files: writeFiles(files, binary) })
    host.sh('pveam update && pveam download local debian-13-standard_13.6-1_amd64.tar.zst')
    before = host.world()
  }, 240_000)
  afterAll(() => {
    host.stop()
    rmSync(files, { recursive: true })
  })

  const inside = (command: string) => host.sh(`pct exec 101 --keep-env 0 -- sh -c ${quoted(command)}`)
  const call = (tool: string, args: object = {}) =>
    host.sh([process.execPath, clientFile, url, token, tool, quoted(JSON.stringify(args))].join(' '))

  test('makes a container whose gateway is ready, and says how to connect', () => {
    const { code, text } = host.run({ form: 'exec bash -c "$(cat "$0")" ct "$@"', env: { var_hostname: 'gw' } })
    expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining('Container 101 (gw) is made') })
    ;[, url = '', token = ''] =
      /mcp add --transport http tailops (\S+) --header "Authorization: Bearer (tops_\w+)"/.exec(text) ?? []
    expect(url).toBe('http://10.77.0.121:8080/mcp')
  })

  test('systemd runs the service with its sandbox, in an unprivileged container', () => {
    expect(host.sh('pct config 101').text).toMatch(/^features: nesting=1\n(.*\n)*unprivileged: 1$/m)
    expect(inside('systemctl is-active tailops; systemctl is-enabled tailops').text).toBe('active\nenabled\n')
    const status = inside(
      'grep -E "^(NoNewPrivs|CapEff|Seccomp):" /proc/$(systemctl show -p MainPID --value tailops)/status',
    )
    expect(status.text.replaceAll('\t', ' ')).toBe('CapEff: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n')
    expect(inside('stat -c "%a %U" /etc/tailops/tailops.env').text).toBe('600 root\n')
  })

  test('a client outside the container reads the container and the Proxmox VE that it runs on', () => {
    expect(call('get_system_status')).toEqual({ code: 0, text: expect.stringContaining('hostname: gw') })
    expect(call('proxmox_list_guests')).toEqual({ code: 0, text: expect.stringContaining('paperless') })
  })

  test('it may not do more than read', () => {
    const token = inside('sed -n s/^PVE_TOKEN=//p /etc/tailops/tailops.env').text.trim()
    const header = `-H "Authorization: PVEAPIToken=tailops@pve!ct101=${token}"`
    const post = `curl -sk -o /dev/null -w '%{http_code}' ${header} -X POST https://10.77.0.1:8006/api2/json/nodes/pve1/lxc/101/status/stop`
    expect(host.sh(post).text).toBe('403')
  })

  test('update and the lines at login are there', () => {
    expect(inside('cat /usr/bin/update').text).toBe('#!/bin/sh\nexec /usr/local/bin/tailops update "$@"\n')
    expect(inside('sh /etc/profile.d/00_tailops.sh').text).toContain('TailOps gateway on gw: 10.77.0.121')
    expect(inside('ls -A /root | grep tailops').text).toBe('')
  })

  test('run again it updates the same container, which it starts when it is stopped', () => {
    const after = host.world()
    host.sh('pct stop 101')
    const { code, text } = host.run({ form: 'exec bash -s -- "$@" <"$0"' })
    expect({ code, text }).toEqual({
      code: 0,
      text: expect.stringMatching(/Container 101 has tailops .* and is ready/),
    })
    expect(host.world()).toBe(after)
    expect(call('get_system_status')).toEqual({ code: 0, text: expect.stringContaining('hostname: gw') })
  })

  test('an update that fails leaves what was there, and a stopped container stopped', () => {
    host.sh('pct stop 101')
    const after = host.world()
    host.faults('fail 0 pct push*install.sh*')
    expect(host.run().code).toBe(1)
    host.faults()
    expect(host.world()).toBe(after)
    expect(host.sh('pct status 101').text).toBe('status: stopped\n')
  })

  test('uninstalled, nothing of it is left', () => {
    expect(host.run({ args: ['--uninstall'] })).toEqual({ code: 2, text: expect.stringContaining('--yes') })
    expect(host.run({ args: ['--uninstall', '--yes'] }).code).toBe(0)
    expect(host.world()).toBe(before)
    expect(host.run({ args: ['--uninstall', '--yes'] })).toEqual({
      code: 0,
      text: expect.stringContaining('no container that this script made'),
    })
  })

  test('the script fits into one argument of a command', () => {
    expect(readFileSync(join(import.meta.dirname, '../../ct/tailops-gateway.sh')).length).toBeLessThan(131_072)
  })
})

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

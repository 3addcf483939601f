import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '../../src/lib/digest.ts'
import { writeFiles } from '../support/pve-host/release.ts'
import { canMakePveHosts, ctScript, makePveHost, type PveHost } from '../support/pve-host.ts'

setDefaultTimeout(60_000)

const script = readFileSync(ctScript, 'utf8')
const template = 'debian-13-standard_13.6-1_amd64.tar.zst'

describe.skipIf(!canMakePveHosts)('ct/tailops-gateway.sh', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-ct-'))
  const files = writeFiles(join(dir, 'files'))
  let host: PveHost
  let before = ''
  beforeAll(async () => {
    host = await makePveHost({ files })
    host.sh(`pveam update && pveam download local ${template}`)
    before = host.world()
  })
  afterAll(() => {
    host.stop()
    rmSync(dir, { recursive: true })
  })
  const remove = () => {
    expect(host.run({ args: ['--uninstall', '--yes'] })).toMatchObject({ code: 0 })
    expect(host.world()).toBe(before)
  }
  const program = (name: string, text: string) => {
    host.set(`bin/${name}`, text)
    chmodSync(join(host.folder, 'bin', name), 0o755)
  }
  const config = (id: number) => host.sh(`pct config ${id}`).text

  describe('refuses, and makes nothing:', () => {
    afterEach(() => expect(host.world()).toBe(before))
    const refused = (how: Parameters<PveHost['run']>[0], code: number, text: string) => {
      host.forget()
      expect(host.run(how)).toEqual({ code, text: expect.stringContaining(text) })
      expect(host.effects()).toEqual([])
    }

    test('who is not root', () =>
      refused({ form: 'exec setpriv --reuid=65534 --clear-groups bash -c "$(cat "$0")"' }, 104, 'needs root'))

    test.each([
      ['Proxmox VE 7', 'release', '7.4-17\n', 105, 'this is Proxmox VE 7.4'],
      ['Proxmox VE 10', 'release', '10.0.1\n', 105, 'this is Proxmox VE 10.0.1'],
      ['another architecture', 'architecture', 'arm64\n', 106, 'amd64 only'],
      ['no storage for containers', 'storages', 'local\tdir\tactive\t9\t1\t8\tvztmpl\n', 119, 'no storage for rootdir'],
      ['a storage without room', 'storages', 'lvm\tlvmthin\tactive\t9\t1\t4194303\trootdir\n', 119, 'with 4 GB free'],
      ['a storage that is off', 'storages', 'lvm\tlvmthin\tinactive\t9\t1\t9e9\trootdir\n', 119, 'no storage'],
      ['a user of that name made by somebody else', 'users', 'tailops@pve\tmine\n', 1, 'not made by this script'],
      ['a role with other privileges', 'roles', 'TailOpsGateway\tSys.Modify\n', 1, 'other privileges: Sys.Modify'],
    ])('%s', (_, name, text, code, words) => {
      const kept = name === 'architecture' ? '' : readFileSync(join(host.folder, name), 'utf8')
      host.set(name, text)
      refused({}, code, words)
      host.set(name, kept)
    })

    test('no quorum', () => {
      host.set('pve/corosync.conf')
      host.set('no-quorum')
      refused({}, 210, 'no quorum')
      host.unset('pve/corosync.conf')
      host.unset('no-quorum')
    })

    test.each([
      ['var_brg', 'vmbr7', 118, 'no bridge vmbr7'],
      ['BRIDGE', 'vmbr8', 118, 'no bridge vmbr8'],
      ['var_ctid', '100', 206, 'the id 100 is taken'],
      ['NEXTID', '99', 205, '99 is no id'],
      ['var_ram', 'much', 2, 'much is no whole number'],
      ['var_hostname', 'a b', 2, 'a b is no host name'],
      ['var_net', '10.0.0.1', 2, 'var_net is dhcp or an address'],
      ['var_proxmox', 'maybe', 2, 'var_proxmox is'],
      ['var_version', '11', 225, 'no template of Debian 11'],
      ['var_container_storage', 'tank', 119, 'no storage tank'],
      ['var_tags', 'A B', 2, 'var_tags has'],
      ['var_tailscale_authkey_file', '/none', 2, 'cannot read /none'],
    ])('%s=%s', (name, value, code, text) => refused({ env: { [name]: value } }, code, text))

    test.each([
      [['--containers', '101;reboot'], 2, '--containers takes ids'],
      [['--form'], 2, 'no option --form'],
      [['--uninstall'], 0, 'no container that this script made'],
    ])('%j', (args, code, text) => refused({ args }, code, text))

    test('a script that is of no release has nothing to download', () =>
      refused({ released: true }, 2, 'belongs to no release'))

    test('a script that was cut off does nothing', () => {
      host.forget()
      const cuts = [0.1, 0.4, 0.7, 0.97].map((share) => Math.floor(script.length * share))
      const ends = Array.from({ length: 14 }, (_, index) => script.length - 2 - index)
      for (const cut of [...cuts, ...ends]) {
        const piped = `head -c ${cut} "$0" | bash -s -- "$@"`
        const argument = `exec bash -c "$(head -c ${cut} "$0")" ct "$@"`
        for (const form of cut > script.length - 9 ? [piped, argument] : [piped]) host.run({ form })
      }
      expect({ effects: host.effects(), calls: host.calls() }).toEqual({ effects: [], calls: [] })
    })

    test('one run at a time', () =>
      refused({ form: 'exec 8>/run/lock/tailops-gateway.lock; flock 8; bash "$0" "$@"' }, 1, 'has not ended'))
  })

  test('downloads what its release names, and nothing else', () => {
    const sums = readFileSync(join(files, 'SHA256SUMS'), 'utf8')
    mkdirSync(join(host.folder, 'download'))
    cpSync(files, join(host.folder, 'download/v1.2.3'), { recursive: true })
    const released = (installer: string) => {
      const pins = {
        release_version: '1.2.3',
        release_url: 'https://127.0.0.1:8006/download',
        release_sums: sha256(sums),
        release_installer: sha256(installer),
      }
      const text = Object.entries(pins).reduce(
        (all, [name, pin]) => all.replace(`${name}=''`, `${name}='${pin}'`),
        script,
      )
      writeFileSync(join(dir, 'released.sh'), text)
      const env = { CURL_CA_BUNDLE: '/etc/pve/local/pve-ssl.pem' }
      return host.run({ script: join(dir, 'released.sh'), released: true, env, form: 'cat "$0" | bash -s -- "$@"' })
    }
    expect(released('another')).toEqual({ code: 115, text: expect.stringContaining('checksum of install.sh is wrong') })
    expect(host.world()).toBe(before)
    writeFileSync(join(host.folder, 'download/v1.2.3/tailops-linux-x64.gz'), 'evil')
    const installer = readFileSync(join(files, 'install.sh'), 'utf8')
    expect(released(installer)).toMatchObject({ code: 115 })
    cpSync(files, join(host.folder, 'download/v1.2.3'), { recursive: true })
    expect(released(installer)).toEqual({ code: 0, text: expect.stringContaining('Container 101 (tailops) is made') })
    remove()
  })

  test.each(['8.4.14', '8.0.4', '9.0.3'])('on Proxmox VE %s, with older names of settings', (release) => {
    host.set('release', `${release}\n`)
    const env = {
      NEXTID: '140',
      RAM_SIZE: '512',
      CPU_CORES: '2',
      DISK_SIZE: '6G',
      HN: 'old',
      var_tun: 'yes',
      SECRET: 's3cret',
    }
    const { code, text } = host.run({ env })
    expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining('Container 140 (old) is made') })
    expect(config(140)).toMatch(/^cores: 2\n(.*\n)*memory: 512\n(.*\n)*rootfs: .*size=6G$/m)
    const tun = release.startsWith('8.0') ? 'lxc.mount.entry: /dev/net/tun' : 'dev0: /dev/net/tun'
    expect(readFileSync(join(host.folder, 'pve/lxc/140.conf'), 'utf8')).toContain(tun)
    const guestAgent = host.sh('pveum role list').text.includes('VM.GuestAgent.Audit')
    expect(guestAgent).toBe(release.startsWith('9'))
    remove()
    host.set('release', '9.2.11\n')
  })

  test('a template whose root is of nobody', () => {
    host.set('root-of-nobody')
    expect(host.run()).toMatchObject({ code: 0 })
    host.unset('root-of-nobody')
    expect(host.sh('pct exec 101 -- /bin/stat -c %u /').text).toBe('0\n')
    remove()
  })

  test('Tailscale: the key comes from a file, is on no command line, and does not stay', () => {
    program(
      'curl',
      '#!/bin/sh\ncase $* in *pkgs.tailscale.com*) ;; *) exec /usr/bin/curl "$@" ;; esac\nwhile [ "$1" != -o ]; do shift; done\necho file >"$2"\n',
    )
    host.set('key', 'tskey-secret')
    const env = {
      var_tailscale: 'yes',
      var_tailscale_authkey_file: `${host.folder}/key`,
      var_tailscale_tags: 'tag:tailops',
    }
    const { code, text } = host.run({ env })
    expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining('tailops tailscale setup') })
    expect(host.sh('pct exec 101 -- sh -c "cat /tailscale.log; ls /run/tailops-authkey /dev/net/tun"').text).toBe(
      'up --auth-key=file:/run/tailops-authkey --timeout=60s --hostname=tailops --advertise-tags=tag:tailops\ntskey-secret/dev/net/tun\nls: /run/tailops-authkey: No such file or directory\n',
    )
    expect(host.calls().filter((call) => call.includes('tskey'))).toEqual([])
    host.unset('key')
    host.unset('bin/curl')
    remove()
  })

  test('without the Proxmox VE there is neither user nor token, and a second container is made by its id', () => {
    expect(host.run({ env: { var_proxmox: 'no' } }).code).toBe(0)
    expect(host.sh('pveum user list; pveum role list').text).not.toContain('ailOps')
    expect(host.run({ env: { var_proxmox: 'control', var_ctid: '120' } })).toMatchObject({ code: 0 })
    expect(host.sh('pct exec 120 -- cat /etc/tailops/targets.yaml').text).toContain('[proxmox:read, proxmox:control]')
    expect(host.sh('pveum role list').text).toContain('VM.PowerMgmt')
    expect(host.run({ args: ['--uninstall', '--yes'] })).toEqual({
      code: 2,
      text: expect.stringContaining('several: 101 120'),
    })
    expect(host.run({ args: ['--uninstall', '--yes'], env: { var_ctid: '100' } }).code).toBe(1)
    expect(host.run({ args: ['--uninstall', '--yes'], env: { var_ctid: '120' } }).code).toBe(0)
    remove()
  })

  test('several containers: a line for each, with the reason of the one that failed', () => {
    const made = (id: number) =>
      `pct create ${id} local:vztmpl/${template} --hostname c${id} --rootfs local-lvm:2 --net0 name=eth0,bridge=vmbr0,ip=dhcp; pct start ${id};`
    host.sh(`${made(201)}${made(202)}${made(203)}`)
    host.sh('pct stop 203; pct exec 202 -- touch /refuses; pct exec 201 -- sh -c "echo mine >/usr/bin/update"')
    const { code, text } = host.run({ args: ['--containers', '201,202,203,204'] })
    expect(code).toBe(1)
    expect(text).toMatch(/^201 +tailops 1.2.3 first token: tops_first/m)
    expect(text).toMatch(/^202 +failed: .*this machine will not do.*could not be installed/m)
    expect(text).toMatch(/^203 +failed: .*not there or does not run/m)
    expect(text).toMatch(/^204 +failed: .*not there or does not run/m)
    expect(host.sh('pct exec 201 -- cat /usr/bin/update; pct exec 202 -- ls -A /root').text).toBe('mine\n')
    expect(host.run({ args: ['--containers=201'] })).toEqual({
      code: 0,
      text: expect.stringMatching(/^201 +tailops 1.2.3 $/m),
    })
    host.sh('for id in 201 202 203; do pct stop $id; pct destroy $id; done')
    expect(host.world()).toBe(before)
  })

  describe('at a terminal', () => {
    const form = 'exec script -qec "bash $0 $*" /dev/null </dev/null'
    const answers = (...lines: readonly string[]) => {
      host.set('answers', `${lines.join('\n')}\n`)
      const file = join(host.folder, 'answers')
      const answer = `line=$(head -n 1 ${file}); sed -i 1d ${file}; [ "$line" != cancel ] && printf %s "$line" >&2`
      program('whiptail', `#!/bin/sh\n${answer}\n`)
    }

    test('it asks, and who says no has nothing made', () => {
      answers('cancel')
      expect(host.run({ form })).toMatchObject({ code: 130 })
      expect(host.world()).toBe(before)
    })

    test('every setting can be given, and removing is asked for', () => {
      answers('advanced', '130', 'mine', '2', '768', '5', 'vmbr0', '10.77.0.9/24', '10.77.0.1', 'no', 'no')
      expect(host.run({ form })).toEqual({ code: 0, text: expect.stringContaining('Container 130 (mine) is made') })
      expect(config(130)).toContain('net0: name=eth0,bridge=vmbr0,ip=10.77.0.9/24,gw=10.77.0.1')
      const after = host.world()
      const asked = 'exec script -qec "bash $0 $* --uninstall" /dev/null </dev/null'
      answers('cancel')
      expect(host.run({ form: asked })).toMatchObject({ code: 130 })
      expect(host.world()).toBe(after)
      answers('yes')
      expect(host.run({ form: asked })).toMatchObject({ code: 0 })
      expect(host.world()).toBe(before)
    })
  })
})

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { worksOn } from '../../src/core/tool.ts'
import { tools } from '../../src/tools/index.ts'
import { canStartEngines, type DockerEngine, startEngine } from '../support/docker-engine.ts'
import { type InstallMachine, startInstallMachine } from '../support/installer.ts'
import { canStartMachines } from '../support/machine.ts'
import { laneOf } from '../support/machine-lane.ts'

setDefaultTimeout(240_000)

/** Every tool that reads this machine, and what it must say inside the unit. */
const reads: readonly (readonly [tool: string, args: object, says: RegExp])[] = [
  ['check_ssl_certificate', { host: '127.0.0.1', port: 8080 }, /127.0.0.1 port 8080 showed no certificate/],
  ['check_system_updates', {}, /not_measured: .*no package index was found that this user can read/],
  ['dns_lookup', { name: 'nowhere.invalid', type: 'A' }, /status: (unknown|no_reply|nxdomain)/],
  ['file_operations', { action: 'list', path: '/var/log' }, /journal,folder/],
  ['file_operations', { action: 'read', path: '/etc/tailops/targets.yaml' }, /network:diag/],
  // What the unit hides is said to be out of reach, never to be missing.
  ['file_operations', { action: 'info', path: '/home/file' }, /may not be opened|denied/],
  ['file_operations', { action: 'list', path: '/root' }, /may not be opened|denied/],
  ['file_operations', { action: 'read', path: '/etc/shadow' }, /may not be opened|denied/],
  ['get_active_connections', {}, /127.0.0.1:8080.*tailops[\s\S]*not_measured: process of/],
  ['get_network_io_counters', {}, /rx_bytes[\s\S]*\n {2}lo,/],
  ['get_network_status', {}, /lo,up,65536,"127.0.0.1/],
  ['get_service_status', {}, /systemd-journald,active,running/],
  ['get_service_status', { service: 'tailops' }, /"event":"listening"/],
  ['get_system_status', {}, /mem_total_mib: \d+[\s\S]*\n {2}\/,overlay/],
  ['get_top_processes', { sort_by: 'memory' }, /,root,.*sshd[\s\S]*,messagebus,/],
  ['health_check', {}, /reachable: true/],
  ['http_request_test', { url: 'http://127.0.0.1:8080/readyz' }, /status: 200/],
  ['ping_host', { host: '127.0.0.1' }, /received: 4[\s\S]*note: .*the target has no ping/],
  ['test_port_connectivity', { host: '127.0.0.1', ports: [8080, 1] }, /8080,open[\s\S]*1,closed/],
  ['traceroute', { host: '127.0.0.1' }, /neither traceroute nor tracepath/],
]

const targets = (hostKey: string): string => `version: "1.0"
targets:
  local:
    executor: local
    capabilities: [system:read, network:read, network:diag, file:read]
    constraints: { file_roots: [/] }
  itself:
    executor: ssh
    connection: { host: 127.0.0.1, username: root, key_path: /var/lib/tailops/key, host_key: "${hostKey}" }
    capabilities: [system:read]
  docker:
    executor: docker
    connection: { socket_path: /srv/docker.sock }
    capabilities: [container:read]
`

/** What the unit is to work with: a key for its own machine, its host's key, the socket of an engine. */
const prepared = `umask 077; mkdir -p /root/.ssh; touch /home/file
ssh-keygen -q -t ed25519 -N "" -f /var/lib/tailops/key; chown tailops: /var/lib/tailops/key
cat /var/lib/tailops/key.pub >>/root/.ssh/authorized_keys
groupadd --system docker; getent group docker | cut -d: -f3
ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2`

const scopes = 'system:read,network:read,network:diag,file:read,container:read'
const mint = `systemd-run --quiet --wait --pipe -p User=tailops -p Environment=TAILOPS_STATE_DIR=/var/lib/tailops \
  tailops token mint --name all --scopes ${scopes} --ttl 1d`

const canStart = canStartMachines && canStartEngines
const lanes = (canStart ? (['bookworm', 'trixie'] as const) : []).map((suite) => ({
  suite,
  lane: laneOf(() => startInstallMachine(suite)),
}))
const servers: Server[] = []
let engine: DockerEngine

beforeAll(async () => {
  if (!canStart) return
  engine = await startEngine()
  engine.run('web', [], ['sleep', '600'])
})

afterAll(async () => {
  await Promise.all(lanes.map(({ lane }) => lane.stop()))
  for (const server of servers) server.close()
  if (canStart) await engine.stop()
}, 60_000)

/** The engine's socket, as its group may use it in the machine. */
async function passSocket(machine: InstallMachine, group: number): Promise<void> {
  const { socketPath = '' } = engine.connection
  const path = join(machine.root, 'srv/docker.sock')
  const server = createServer((client) => {
    const there = connect(socketPath)
    client.on('error', () => there.destroy())
    there.on('error', () => client.destroy())
    client.pipe(there).pipe(client)
  }).listen(path)
  servers.push(server)
  await new Promise((listening) => server.once('listening', listening))
  chownSync(path, 0, group)
  chmodSync(path, 0o660)
}

describe.concurrent.each(lanes)('inside the hardened unit on $suite', ({ lane: { turn } }) => {
  let token = ''

  test(
    'the service runs, and keeps its state in SQLite',
    turn(async (machine) => {
      expect((await machine.install('--from /opt/t/tailops --no-start')).code).toBe(0)
      const [group, hostKey = ''] = machine.run('sh', '-c', prepared).trim().split('\n')
      await passSocket(machine, Number(group))
      writeFileSync(join(machine.root, 'etc/tailops/targets.yaml'), targets(hostKey))
      machine.run('systemctl', 'start', 'tailops')
      expect((await machine.around('/usr/local/bin/tailops health --wait 20')).code).toBe(0)
      token = /tops_\w+/.exec((await machine.around(mint)).text)?.[0] ?? ''
      expect((await machine.call(token, 'health_check', { targets: ['local'] })).status).toBe(200)
    }),
  )

  test.each(reads)(
    '%s %j tells of the machine, or why it does not',
    turn(async (machine, tool: string, args: object, says: RegExp) => {
      const { status, text } = await machine.call(token, tool, { targets: ['local'], ...args })
      expect({ status, text }).toEqual({ status: 200, text: expect.stringMatching(says) })
    }),
  )

  test(
    'a change of its own machine goes by ssh to itself',
    turn(async (machine) => {
      const { text } = await machine.call(token, 'get_service_status', { targets: ['itself'], service: 'ssh' })
      expect(text).toContain('state: active')
    }),
  )

  test(
    'the socket of Docker is refused, until a drop-in gives it its group',
    turn(async (machine) => {
      const asked = () => machine.call(token, 'get_container_list', { targets: ['docker'] })
      expect((await asked()).text).toMatch(/EACCES|permission|may not/)
      machine.run('mkdir', '/etc/systemd/system/tailops.service.d')
      machine.writeFile('etc/systemd/system/tailops.service.d/docker.conf', '[Service]\nSupplementaryGroups=docker\n')
      machine.run('sh', '-c', 'systemctl daemon-reload; systemctl restart tailops')
      expect((await machine.around('/usr/local/bin/tailops health --wait 20')).code).toBe(0)
      expect((await asked()).text).toContain('web,')
      const secure = 'systemd-analyze security --no-pager --threshold=15 tailops.service'
      expect(await machine.around(secure)).toMatchObject({ code: 0 })
    }),
  )

  test(
    'what it was asked is in its audit log',
    turn(async (machine) => {
      const audit = machine.run('cat', '/var/lib/tailops/audit.jsonl')
      for (const [tool] of reads) expect(audit).toContain(tool)
    }),
  )
})

test('every tool that reads the own machine is tried', () => {
  const local = tools.filter((tool) => worksOn(tool, 'local') && (tool.risk === 'read' || tool.risk === 'probe'))
  expect([...new Set(reads.map(([tool]) => tool))].toSorted()).toEqual(local.map(({ name }) => name).toSorted())
})

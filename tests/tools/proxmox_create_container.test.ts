import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import { type Call, call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { alice } from '../support/gateway-world.ts'
import { change } from '../support/pve/change.ts'
import { faults } from '../support/pve/faults.ts'
import { newGuestStorages } from '../support/pve/new-guest-storages.ts'

setDefaultTimeout(30_000)

const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const guests = [
  { vmid: 100, node: 'pve1', name: 'web01', status: 'running' },
  { vmid: 102, node: 'pve2', kind: 'qemu', name: 'app' },
] as const
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 ada@lan'

let world: ClustersWorld
beforeEach(async () => {
  const cluster = { name: 'home', nodes, guests, storages: newGuestStorages, pools: [{ name: 'apps' }] }
  world = await openClustersWorld({ clusters: [cluster] })
})
afterEach(async () => {
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

const create = (more: Record<string, unknown> = {}, how: Partial<Call> = {}) =>
  world.ask(
    'proxmox_create_container',
    { template: 'debian-13', hostname: 'web02', node: 'pve1', storage: 'fast', ...more },
    how,
  )

const done = (): readonly string[] =>
  world.standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

const told = (result: CallResult): string => JSON.stringify(result)
const made = (vmid: number) => world.standIn.cluster('home').world.guest(vmid)

describe('a container is made', () => {
  test('with the next free vmid, unprivileged, nesting, and started', async () => {
    const said = told(await create())
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"vmid":101,"node":"pve1","status":"running","address":"by DHCP')
    expect(done()).toEqual(['created 101', 'started 101'])
    expect(made(101)).toMatchObject({
      name: 'web02',
      node: 'pve1',
      status: 'running',
      memory: 512 * 2 ** 20,
      config: { unprivileged: '1', features: 'nesting=1', rootfs: 'fast:vm-101-disk-0,size=8G' },
    })
  })

  test('as it was asked for: sizes, address, keys, tags, pool, vmid, not started', async () => {
    const more = {
      template: 'local:vztmpl/alpine-3.22-default_20250617_amd64.tar.xz',
      cores: 4,
      memory_mib: 2048,
      disk_gib: 20,
      ip: '192.0.2.50/24,192.0.2.1',
      ssh_keys: [key, key],
      tags: ['web', 'Prod'],
      pool: 'apps',
      vmid: 150,
      start: false,
    }
    const said = told(await create(more))
    expect(said).toContain('"vmid":150,"node":"pve1","status":"stopped","address":"192.0.2.50"')
    expect(done()).toEqual(['created 150'])
    expect(made(150)).toMatchObject({ status: 'stopped', cpus: 4, tags: 'prod;web', pool: 'apps' })
    expect(made(150)?.config['net0']).toStartWith('name=eth0,bridge=vmbr0,ip=192.0.2.50/24,gw=192.0.2.1')
  })

  test('of several releases of a template, from the newest', async () => {
    const said = told(await create({ template: 'debian-12-standard' }, { dryRun: true }))
    expect(said).toContain('debian-12-standard_12.12-1_amd64.tar.zst')
  })
})

describe('nothing is done', () => {
  const cases = [
    ['a template that is not there', { template: 'debain-13-standard' }, 'did you mean debian-13-standard?'],
    [
      'a name that several templates have',
      { template: 'debian' },
      'name one: debian-12-standard_12.12-1_amd64.tar.zst',
    ],
    ['an unknown node', { node: 'pve9' }, 'its nodes: pve1, pve2, pve3'],
    ['no node said', { node: undefined }, 'say node: pve1, pve2, pve3; or set defaults.node'],
    ['an unknown storage', { storage: 'fats' }, 'did you mean fast?'],
    ['a storage without containers', { storage: 'local' }, 'storage local takes no containers'],
    ['a storage without room', { disk_gib: 900 }, 'storage fast has 500 GiB free on pve1: too little for 900 GiB'],
    ['no storage said', { storage: undefined }, 'on pve1 fit: fast (500 GiB free), slow (1000 GiB free)'],
    ['an unknown bridge', { bridge: 'vmbr7' }, 'no bridge \\"vmbr7\\" on pve1; did you mean vmbr0?'],
    ['an unknown pool', { pool: 'aps' }, 'did you mean apps?'],
    ['a vmid that is taken', { vmid: 102 }, 'vmid 102 is taken by app on pve2; leave vmid out'],
    ['a name with spaces', { hostname: 'web 02' }, 'letters, digits, dashes and dots only'],
    ['an address that is none', { ip: '192.0.2.300/24' }, 'is no address; write dhcp'],
    ['a private key', { ssh_keys: ['-----BEGIN OPENSSH PRIVATE KEY-----'] }, 'write a public key on one line'],
    ['an unknown argument', { password: 'secret' }, 'password'],
  ] as const
  for (const [what, more, said] of cases)
    test(`for ${what}`, async () => {
      expect((await refusal(create(more))).replaceAll('"', '\\"')).toContain(said)
      expect(world.standIn.effects()).toEqual([])
    })

  test('on a node that is offline', async () => {
    change.nodeOff(world.standIn.cluster('home').world, 'pve2')
    await world.standIn.settled()
    expect(await refusal(create({ node: 'pve2' }))).toContain('unreachable: node pve2 is offline')
  })

  test('without quorum', async () => {
    world.standIn.cluster('home').world.setQuorumLost(true)
    expect(await refusal(create())).toContain('cannot create web02: no quorum')
  })
})

describe('a cluster with defaults', () => {
  const defaults = { node: 'pve2', storage: 'slow', bridge: 'vmbr0' }
  const within = async (own: Record<string, unknown>) => {
    const targets = world.gateway.targets.all.map((target) => ({ ...target, defaults }))
    const gateway = { ...world.gateway, targets: { ...world.gateway.targets, all: targets } }
    const tool = gateway.tools.find(({ name }) => name === 'proxmox_create_container')
    if (tool === undefined) throw new TypeError('no such tool')
    const input = { template: 'debian-13', hostname: 'web02', ...own }
    return told(await call(gateway, { tool, input, caller: alice, signal: new AbortController().signal }))
  }

  test('takes a new container where they say', async () => {
    expect(await within({})).toContain('"vmid":101,"node":"pve2"')
    expect(made(101)?.config['rootfs']).toBe('slow:vm-101-disk-0,size=8G')
  })

  test('takes it elsewhere when the caller says so', async () => {
    expect(await within({ node: 'pve3', storage: 'fast' })).toContain('"vmid":101,"node":"pve3"')
    expect(made(101)?.config['rootfs']).toBe('fast:vm-101-disk-0,size=8G')
  })
})

test('a new container can be changed at once, before any list knows its name', async () => {
  await create()
  expect(told(await world.ask('proxmox_manage_guest', { guest: '101', action: 'stop' }))).toContain(
    '"status":"stopped"',
  )
})

test('the fleet knows it when the call answers, and by which call it came', async () => {
  await world.watch.now()
  await create()
  expect(world.state.fleet.find('pve:home/101')?.facts).toMatchObject({ status: 'running', name: 'web02' })
  const [change] = world.state.fleet.changesSince(0, 500).filter(({ id }) => id === 'pve:home/101')
  expect(change?.cause).toStartWith('proxmox_create_container by token:alice, call ')
})

test('two that are made at the same time get two numbers, or one is refused; none is overwritten', async () => {
  const both = await Promise.all(
    [create({ hostname: 'one' }), create({ hostname: 'two' })].map((each) => each.catch(String)),
  )
  const ends = both.map((end) => /"status":"(\w+)"/.exec(typeof end === 'string' ? end : told(end))?.[1] ?? 'refused')
  const created = done().filter((effect) => effect.startsWith('created'))
  expect(created.length).toBe(ends.filter((end) => end === 'done').length)
  expect(new Set(created).size).toBe(created.length)
  expect(created.length).toBeGreaterThan(0)
})

describe('what was approved', () => {
  beforeEach(async () => {
    await world.stop()
    const cluster = { name: 'home', nodes, guests, storages: newGuestStorages }
    world = await openClustersWorld({ clusters: [cluster], policy: { rules: [{ id: 'ask', effect: 'approve' }] } })
  })

  async function approved(more: Record<string, unknown> = {}): Promise<string> {
    const asked = await create(more)
    const approval = asked.kind === 'change' ? (asked.approval ?? '') : ''
    expect(told(asked)).toContain('vmid 101 is free now and not reserved')
    world.state.approvals.decide(approval, 'approved', 'ada')
    return approval
  }

  test('is done', async () => {
    const approval = await approved()
    expect(told(await create({}, { approval }))).toContain('"status":"done"')
    expect(done()).toEqual(['created 101', 'started 101'])
  })

  test('is not done with another vmid, when somebody took it meanwhile', async () => {
    const approval = await approved()
    change.create(world.standIn.cluster('home').world, { vmid: 101, node: 'pve1', name: 'faster' })
    expect(await refusal(create({}, { approval }))).toContain(
      'world_changed: what was approved is no longer what would be done: home: vmid was 101, is 103',
    )
    expect(world.standIn.effects()).toEqual([])
    expect(made(101)?.name).toBe('faster')
  })
})

test('a missing right names the privilege, and the line that grants it', async () => {
  world.standIn.fault(faults.serverError('Permission check failed', 403), { method: 'POST' })
  const said = told(await create())
  expect(said).toContain('Permission check failed (/vms, VM.Allocate)')
  expect(said).toContain("pveum acl modify /vms --tokens 'root@pam!tailops' --roles PVEVMAdmin")
})

describe('faults', () => {
  test('a creation that fails leaves nothing', async () => {
    world.standIn.fault(faults.taskFails('command failed: no space left'), { path: /\/lxc$/ })
    const said = told(await create())
    expect(said).toContain('"status":"failed"')
    expect(said).toContain('no space left')
    expect(made(101)).toBeUndefined()
  })

  test('a container that does not start is destroyed again', async () => {
    world.standIn.fault(faults.taskFails('startup for container 101 failed'), { path: /status\/start$/ })
    const said = told(await create())
    expect(said).toContain('startup for container 101 failed')
    expect(said).toContain('undone')
    expect(done()).toEqual(['created 101', 'failed: startup for container 101 failed 101', 'destroyed 101'])
    expect(made(101)).toBeUndefined()
  })

  test('a vmid that somebody takes between plan and performance is not touched', async () => {
    world.standIn.fault(faults.serverError("CT 101 already exists on node 'pve1'"), { method: 'POST', path: /\/lxc$/ })
    const said = told(await create())
    expect(said).toContain('"status":"failed"')
    expect(said).toContain("CT 101 already exists on node 'pve1'")
    expect(world.standIn.requests.filter((line) => line.startsWith('DELETE'))).toEqual([])
  })

  test('a request id that is repeated makes one container', async () => {
    await create({}, { requestId: 'once' })
    await create({}, { requestId: 'once' })
    expect(done()).toEqual(['created 101', 'started 101'])
  })

  test('an answer that is lost is told as what is known of its task, and nothing is made twice', async () => {
    world.standIn.fault(faults.reset('after'), { method: 'POST', path: /\/lxc$/, times: 1 })
    expect(told(await create())).toMatch(/"status":"(done|unknown)"/)
    for (let waited = 0; waited < 5; waited += 1) await world.clock.sleep(2000)
    expect(done().filter((effect) => effect.startsWith('created'))).toEqual(['created 101'])
  })
})

test('the plan that a person approves says everything that is sent', async () => {
  const said = told(await create({ ssh_keys: [key] }, { dryRun: true }))
  expect(said).toContain(
    'create container web02 (101 on pve1 of home) from local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst: 1 core, 512 MiB, 8 GiB on fast, vmbr0 ip=dhcp; then start it',
  )
  expect(said).toContain('unprivileged=true features=')
  expect(said).toContain('ssh-ed25519')
  expect(world.standIn.effects()).toEqual([])
})

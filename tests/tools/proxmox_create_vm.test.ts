import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { Call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'
import { newGuestStorages } from '../support/pve/new-guest-storages.ts'

setDefaultTimeout(30_000)

const nodes = [{ name: 'pve1' }, { name: 'pve2' }] as const
const net0 = 'virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1'
const cloud = { scsi0: 'fast:base-290-disk-0,discard=on,size=10G', ide2: 'fast:vm-290-cloudinit,media=cdrom', net0 }
const guests = [
  { vmid: 100, node: 'pve1', name: 'web', config: {} },
  { vmid: 290, node: 'pve1', kind: 'qemu', name: 'ubuntu', template: true, config: cloud },
  { vmid: 291, node: 'pve1', kind: 'qemu', name: 'bare', template: true, config: { scsi0: cloud.scsi0, net0 } },
  { vmid: 292, node: 'pve1', kind: 'qemu', name: 'app', config: { scsi0: 'fast:vm-292-disk-0,size=10G', net0 } },
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

const create = (more: Record<string, unknown>, call: Partial<Call> = {}) =>
  world.ask('proxmox_create_vm', { name: 'new', ...more }, call)
const fromIso = (more: Record<string, unknown> = {}, call: Partial<Call> = {}) =>
  create({ iso: 'debian-13.2.0', node: 'pve1', storage: 'fast', ...more }, call)
const fromTemplate = (more: Record<string, unknown> = {}, call: Partial<Call> = {}) =>
  create({ template: 'ubuntu', ...more }, call)

const done = (): readonly string[] =>
  world.standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

const told = (result: CallResult): string => JSON.stringify(result)
const made = (vmid: number) => world.standIn.cluster('home').world.guest(vmid)

describe('a virtual machine is made', () => {
  test('from an image: an empty disk, sane hardware, started', async () => {
    const said = told(await fromIso())
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"vmid":101,"node":"pve1","status":"running","note":"the installer waits at its console"')
    expect(done()).toEqual(['created 101', 'started 101'])
    expect(made(101)).toMatchObject({
      name: 'new',
      kind: 'qemu',
      cpus: 2,
      memory: 2048 * 2 ** 20,
      config: {
        cpu: 'x86-64-v2-AES',
        scsihw: 'virtio-scsi-single',
        scsi0: 'fast:vm-101-disk-0,discard=on,iothread=1,size=32G',
        ide2: 'local:iso/debian-13.2.0-amd64-netinst.iso,media=cdrom',
        net0: 'virtio=BC:24:11:00:00:65,bridge=vmbr0',
        agent: '1',
      },
    })
  })

  test('from a template: cloned, told its settings, its disk grown, started', async () => {
    const more = {
      user: 'ada',
      ssh_keys: [key],
      ip: '192.0.2.50/24,192.0.2.1',
      cores: 4,
      memory_mib: 4096,
      disk_gib: 40,
    }
    const said = told(await fromTemplate({ ...more, tags: ['web'], pool: 'apps', vmid: 300 }))
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"vmid":300,"node":"pve1","status":"running","address":"192.0.2.50"')
    expect(done()).toEqual(['cloned 300', 'configured 300', 'resized 300', 'started 300'])
    expect(made(300)).toMatchObject({
      cpus: 4,
      memory: 4096 * 2 ** 20,
      tags: 'web',
      pool: 'apps',
      config: {
        ciuser: 'ada',
        sshkeys: encodeURIComponent(key),
        ipconfig0: 'ip=192.0.2.50/24,gw=192.0.2.1',
        scsi0: 'fast:vm-300-disk-0,discard=on,size=40G',
        ide2: 'fast:vm-300-cloudinit,media=cdrom',
      },
    })
  })

  test('from a template with nothing said: by DHCP, as large as it is, on the bridge that it has', async () => {
    const said = told(await fromTemplate({ start: false }))
    expect(said).toContain('"vmid":101,"node":"pve1","status":"stopped"')
    expect(done()).toEqual(['cloned 101', 'configured 101'])
    expect(made(101)?.config).toMatchObject({
      ipconfig0: 'ip=dhcp',
      net0: 'virtio=BC:24:11:00:00:65,bridge=vmbr0,firewall=1',
    })
  })

  test('from a template without a drive of cloud-init, which gets one when there is something to tell', async () => {
    expect(told(await create({ template: '291', ssh_keys: [key], storage: 'slow', start: false }))).toContain('"done"')
    expect(made(101)?.config['ide2']).toBe('slow:cloudinit')
  })
})

describe('nothing is done', () => {
  const cases = [
    ['neither an image nor a template', {}, 'a VM is made from an iso or from a template; say one of the two'],
    ['both of them', { iso: 'debian', template: 'ubuntu' }, 'say one of the two'],
    [
      'an image that is not there',
      { iso: 'debain-13', node: 'pve1', storage: 'fast' },
      'no ISO image "debain-13" on pve1',
    ],
    [
      'settings of cloud-init with an image',
      { iso: 'debian-13.2.0', ssh_keys: [key] },
      'takes no user, ssh_keys or ip',
    ],
    [
      'a storage without disks',
      { iso: 'debian-13.2.0', node: 'pve1', storage: 'local' },
      'takes no disks of virtual machines',
    ],
    ['a guest that is no template', { template: 'app' }, 'app (292) is no template of a virtual machine'],
    ['a container', { template: 'web' }, 'web (100) is no template of a virtual machine'],
    [
      'a disk that would shrink',
      { template: 'ubuntu', disk_gib: 5 },
      'has 10 GiB, and disks do not shrink; say disk_gib 10',
    ],
    ['a bridge that is not there', { template: 'ubuntu', bridge: 'vmbr7' }, 'did you mean vmbr0?'],
    ['a user that is none', { template: 'ubuntu', user: 'root; reboot' }, 'write the name of a user'],
    ['another node, from a local storage', { template: 'ubuntu', node: 'pve2' }, 'storage fast is not shared'],
    ['a vmid that is taken', { template: 'ubuntu', vmid: 292 }, 'vmid 292 is taken by app on pve1'],
  ] as const
  for (const [what, more, said] of cases)
    test(`for ${what}`, async () => {
      expect(await refusal(create(more))).toContain(said)
      expect(world.standIn.effects()).toEqual([])
    })
})

describe('what was made in vain is destroyed', () => {
  const steps = [
    ['its settings are refused', /\/config$/, ['cloned 101', 'failed: no 101', 'destroyed 101']],
    ['its disk does not grow', /\/resize$/, ['cloned 101', 'configured 101', 'failed: no 101', 'destroyed 101']],
    [
      'it does not start',
      /\/status\/start$/,
      ['cloned 101', 'configured 101', 'resized 101', 'failed: no 101', 'destroyed 101'],
    ],
  ] as const
  for (const [what, path, effects] of steps)
    test(`when ${what}`, async () => {
      world.standIn.fault(faults.taskFails('no'), { path })
      const said = told(await fromTemplate({ disk_gib: 20 }))
      expect(said).toContain('"status":"failed"')
      expect(done()).toEqual([...effects])
      expect(made(101)).toBeUndefined()
      expect(made(290)?.template).toBe(true)
    })

  test('but not when the clone itself was refused, for then the guest of that number is another', async () => {
    world.standIn.fault(faults.serverError('unable to create VM 101: config file already exists'), { path: /\/clone$/ })
    const said = told(await fromTemplate())
    expect(said).toContain('"status":"failed"')
    expect(world.standIn.requests.filter((line) => line.startsWith('DELETE'))).toEqual([])
  })
})

test('a request id that is repeated makes one machine', async () => {
  await fromTemplate({}, { requestId: 'once' })
  await fromTemplate({}, { requestId: 'once' })
  expect(done()).toEqual(['cloned 101', 'configured 101', 'started 101'])
})

test('an answer that is lost between two steps never ends as done by guess', async () => {
  world.standIn.fault(faults.reset('after'), { method: 'POST', path: /\/config$/, times: 1 })
  const said = told(await fromTemplate())
  expect(said).toMatch(/"status":"(done|unknown)"/)
  expect(done().filter((effect) => effect.startsWith('cloned'))).toEqual(['cloned 101'])
})

test('the plan names every parameter that is sent', async () => {
  const said = told(await fromTemplate({ user: 'ada', ssh_keys: [key], disk_gib: 20 }, { dryRun: true }))
  expect(said).toContain(
    'create VM new (101 on pve1 of home) as a copy of ubuntu (290): ciuser ada, ssh keys, ipconfig0 ip=dhcp, disk 20G; then start it',
  )
  expect(said).toContain('POST /nodes/pve1/qemu/290/clone newid=101 name=new full=true')
  expect(said).toContain('PUT /nodes/pve1/qemu/101/resize disk=scsi0 size=20G')
  expect(world.standIn.effects()).toEqual([])
})

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { Call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'

setDefaultTimeout(30_000)

const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const net0 = 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:BD:59:69,ip=dhcp,type=veth'
const guests = [
  { vmid: 101, node: 'pve1', name: 'web01', status: 'running', tags: 'prod;web', config: { net0, onboot: 1 } },
  { vmid: 102, node: 'pve1', name: 'db01', config: { description: 'the old notes\n' } },
  { vmid: 103, node: 'pve1', name: 'stuck', lock: 'backup' },
  { vmid: 200, node: 'pve2', kind: 'qemu', name: 'app', status: 'running', config: { agent: 'enabled=1,type=virtio' } },
  {
    vmid: 201,
    node: 'pve2',
    kind: 'qemu',
    name: 'new',
    config: { ide2: 'local:iso/debian.iso,media=cdrom', balloon: 512 },
  },
] as const

let world: ClustersWorld
beforeEach(async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', nodes, guests }] })
})
afterEach(async () => {
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

const configure = (guest: string, settings: Record<string, unknown>, call: Partial<Call> = {}) =>
  world.ask('proxmox_configure_guest', { guest, ...settings }, call)

const guest = (vmid: number) => world.standIn.cluster('home').world.guest(vmid)

/** What was done, by the account of the stand-in. */
const done = (): readonly string[] =>
  world.standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

const told = (result: CallResult): string => JSON.stringify(result)

describe('settings are changed', () => {
  test('of a container: those that it takes while it runs are there at once', async () => {
    const said = told(await configure('web01', { cores: 4, memory_mib: 2048, name: 'web-one', tags: ['web', 'new'] }))
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"changed":"cores, hostname, memory, tags"')
    expect(said).not.toContain('next_start')
    expect(guest(101)).toMatchObject({ name: 'web-one', cpus: 4, memory: 2 ** 31, tags: 'new;web' })
    expect(done()).toEqual(['configured 101'])
  })

  test('of a running VM: what waits for its next start is said, before and after', async () => {
    const dry = told(await configure('app', { cores: 8, onboot: true }, { dryRun: true }))
    expect(dry).toContain('cores: takes effect at its next start')
    expect(dry).toContain('cores: 2 → 8 (at its next start)')
    expect(done()).toEqual([])
    expect(told(await configure('app', { cores: 8, onboot: true }))).toContain('"next_start":"cores"')
    expect(guest(200)).toMatchObject({ cpus: 2, pending: { cores: 8 }, config: { onboot: 1 } })
    await world.ask('proxmox_manage_guest', { guest: 'app', action: 'reboot' })
    expect(guest(200)).toMatchObject({ cpus: 8, pending: undefined })
  })

  test('by other keys, and by removing some', async () => {
    const said = told(
      await configure('web01', { set: { swap: 256, cpulimit: 1.5, console: false }, remove: ['onboot'] }),
    )
    expect(said).toContain('"changed":"console, cpulimit, onboot, swap"')
    expect(said).toContain('"next_start":"console"')
    expect(guest(101)?.config).toEqual({ net0, swap: 256, cpulimit: '1.5' })
  })

  test('the agent is switched with its other options kept', async () => {
    expect(told(await configure('app', { agent: true }))).toContain('is set so already')
    await configure('app', { agent: false })
    expect(guest(200)?.pending).toEqual({ agent: '0,type=virtio' })
  })

  test('notes: a plan shows the old and the new ones on one line', async () => {
    const said = told(await configure('db01', { description: 'new\nnotes' }))
    expect(said).toContain('"status":"done"')
    expect(guest(102)?.config['description']).toBe('new\nnotes\n')
    await configure('db01', { description: '' })
    expect(guest(102)?.config['description']).toBeUndefined()
  })

  test('a medium is taken out of its drive, and nothing else is done to drives', async () => {
    expect(told(await configure('new', { set: { ide2: 'none,media=cdrom' } }))).toContain('"changed":"ide2"')
    expect(guest(201)?.config['ide2']).toBe('none,media=cdrom')
    expect(await refusal(configure('new', { set: { ide2: 'local:8' } }))).toContain('a disk is not changed by name')
    expect(await refusal(configure('new', { set: { ide3: 'none,media=cdrom' } }))).toContain('a disk is not changed')
  })

  test('less memory than its balloon may take is refused', async () => {
    expect(await refusal(configure('new', { memory_mib: 256 }))).toContain('balloon (512 MiB) would be more')
    expect(told(await configure('new', { memory_mib: 256, remove: ['balloon'] }))).toContain('"status":"done"')
  })

  test('more than its node has is pointed out', async () => {
    const said = told(await configure('db01', { cores: 64, memory_mib: 200_000 }, { dryRun: true }))
    expect(said).toContain('pve1 has 16 CPUs only')
    expect(said).toContain('MiB of memory only')
  })
})

describe('nothing is done', () => {
  test('where all is set so already; what still waits is said', async () => {
    expect(told(await configure('web01', { tags: ['WEB', 'prod'], onboot: true }))).toContain('is set so already')
    await configure('app', { cores: 8 })
    expect(told(await configure('app', { cores: 8 }))).toContain('waiting for its next start: cores')
    expect(done()).toEqual(['configured 200'])
  })

  const wrong = [
    [{}, 'invalid_input: there is nothing to change'],
    [{ set: { cipassword: 'x' } }, 'a password would stand in plans, approvals and the audit log'],
    [{ set: { password: 'x' } }, 'a password would stand in plans, approvals and the audit log'],
    [{ set: { coers: 2 } }, 'a container has no setting "coers"; did you mean cores?'],
    [{ set: { agent: '1' } }, 'a container has no setting "agent"'],
    [{ set: { rootfs: 'local:8' } }, 'a disk is not changed by name'],
    [{ remove: ['unused0'] }, 'a disk is not changed by name'],
    [{ set: { template: 1 } }, 'proxmox_convert_template'],
    [{ set: { lock: '' } }, 'only root on the node may do that'],
    [{ set: { swap: 'much' } }, 'swap takes a whole number of 0 or more, and is given "much"; correct swap'],
    [{ set: { tty: 7 } }, 'tty takes a whole number from 0 to 6, and is given "7"'],
    [{ set: { cmode: 'desktop' } }, 'cmode takes one of shell, console, tty'],
    [{ set: { debug: 'maybe' } }, 'debug takes true or false'],
    [{ set: { cores: 2 }, remove: ['cores'] }, 'cores is given twice'],
    [{ cores: 2, set: { cores: 3 } }, 'cores is given twice'],
    [{ name: 'no spaces allowed' }, 'letters, digits, dashes and dots only'],
    [{ tags: ['fine', 'not fine'] }, 'letters, digits, _ - + and dots'],
    [{ agent: true }, 'a container has no guest agent'],
    [{ memory: 5 }, 'invalid_input'],
  ] as const
  for (const [settings, why] of wrong)
    test(`by ${JSON.stringify(settings)}`, async () => {
      expect(await refusal(configure('web01', settings))).toContain(why)
      expect(done()).toEqual([])
    })

  test('to a locked guest, or without quorum', async () => {
    expect(await refusal(configure('stuck', { cores: 1 }))).toContain('busy: cannot configure stuck (103)')
    world.standIn.cluster('home').world.setQuorumLost(true)
    expect(await refusal(configure('web01', { cores: 1 }))).toContain('no quorum')
    expect(done()).toEqual([])
  })

  test('where somebody else changed it since', async () => {
    const off = world.standIn.fault(
      faults.serverError('detected modified configuration - file changed by other user?'),
      {
        method: 'PUT',
      },
    )
    const said = told(await configure('web01', { cores: 1 }))
    off()
    expect(said).toContain('"status":"failed"')
    expect(said).toContain('detected modified configuration')
    expect(done()).toEqual([])
  })

  test('when a task of it fails, and its text is told', async () => {
    world.standIn.fault(faults.taskFails('hotplug problem - no more slots'), { method: 'POST' })
    const said = told(await configure('app', { cores: 3 }))
    expect(said).toContain('"status":"failed"')
    expect(said).toContain('no more slots')
    expect(guest(200)?.cpus).toBe(2)
  })

  test('twice under one request id', async () => {
    await configure('web01', { cores: 6 }, { requestId: 'once' })
    await configure('web01', { cores: 6 }, { requestId: 'once' })
    expect(done()).toEqual(['configured 101'])
  })
})

describe('a change whose answer was lost', () => {
  for (const [name, method] of [
    ['web01', 'PUT'],
    ['app', 'POST'],
  ] as const) {
    test(`of ${name} before it was done was not done, by its configuration`, async () => {
      world.standIn.fault(faults.reset('before'), { method, times: 1 })
      expect(told(await configure(name, { onboot: false, tags: ['x'] }))).toContain('it was not done')
      expect(done()).toEqual([])
    })

    test(`of ${name} after it was done is done, once`, async () => {
      world.standIn.fault(faults.reset('after'), { method, times: 1 })
      const said = told(await configure(name, { description: 'notes', tags: ['x'] }, { requestId: 'once' }))
      await configure(name, { description: 'notes', tags: ['x'] }, { requestId: 'once' })
      await world.clock.sleep(1000)
      expect(said).toMatch(/"status":"done"|it still runs/)
      expect(done()).toHaveLength(1)
    })
  }
})

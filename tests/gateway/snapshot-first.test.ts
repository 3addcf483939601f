import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { effectOf } from '../../src/core/effect.ts'
import type { Executor } from '../../src/core/executor.ts'
import type { StepEnd } from '../../src/core/ports.ts'
import { reconcileOrphans } from '../../src/gateway/reconcile.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import { type ClustersOptions, type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'

setDefaultTimeout(20_000)

const storages = [
  {
    name: 'local-zfs',
    type: 'zfspool',
    content: ['images', 'rootdir'],
    shared: false,
    size: 2 ** 40,
    used: {},
    volumes: {},
  },
  { name: 'local', type: 'dir', content: ['images', 'rootdir'], shared: false, size: 2 ** 40, used: {}, volumes: {} },
] as const
const guests = [
  {
    vmid: 101,
    node: 'pve1',
    name: 'web1',
    status: 'running',
    tags: 'web',
    config: { rootfs: 'local-zfs:subvol-101-disk-0,size=8G' },
  },
  { vmid: 102, node: 'pve1', name: 'db1', config: { rootfs: 'local-zfs:subvol-102-disk-0,size=8G' } },
  {
    vmid: 103,
    node: 'pve1',
    name: 'old1',
    status: 'running',
    config: { rootfs: 'local:103/vm-103-disk-0.raw,size=8G' },
  },
] as const

const worlds: ClustersWorld[] = []
const servers: Server[] = []
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.stop()))
  await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))))
})

async function open(options: Omit<ClustersOptions, 'clusters'> = {}): Promise<ClustersWorld> {
  const world = await openClustersWorld({
    clusters: [{ name: 'home', guests, storages }],
    limitsEndAfterMs: 2000,
    ...options,
  })
  worlds.push(world)
  return world
}

async function reboot(world: ClustersWorld, more = {}, guest = '101'): Promise<ChangeResult> {
  const result = await world.ask('proxmox_manage_guest', { guest, action: 'reboot' }, { snapshotFirst: true, ...more })
  if (result.kind !== 'change') throw new TypeError('a change was expected')
  return result
}

/** What happened, by the cluster's own account. */
const effectsOf = ({ standIn }: ClustersWorld) =>
  standIn.effects().flatMap(({ effect }) => (effect === 'accepted' ? [] : [effect]))

const statesOf = ({ targets }: ChangeResult) => targets.flatMap(({ steps }) => steps.map(({ state }) => state))

const here = (server: Server) => {
  const address: AddressInfo | string | null = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** A web service that answers as it is told to. */
async function service(status: () => number): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status()).end())
  servers.push(server)
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  return `http://127.0.0.1:${here(server)}/health`
}

const statusFails = { method: 'POST', path: /\/status\/reboot$/, times: 1 }
const snapshot = { method: 'POST', path: /\/snapshot$/, times: 1 }
const rollback = { method: 'POST', path: /\/rollback$/, times: 1 }

test('a guarded change is a snapshot, the change and a look at the guest; the snapshot is kept and named', async () => {
  const world = await open()
  const result = await reboot(world)
  expect(result.status).toBe('done')
  expect(effectsOf(world)).toEqual(['snapshot tailops_1 taken', 'rebooted'])
  expect(statesOf(result)).toEqual(['done', 'done', 'done'])
  expect(result.targets[0]?.output).toMatchObject({ guest: 'web1', vmid: 101, status: 'running' })
  expect(result.hint).toContain('tailops_1 of web1 (101) is kept')
  const again = await reboot(world)
  expect(again.status).toBe('done')
  expect(effectsOf(world).at(-2)).toBe('snapshot tailops_2 taken')
  expect(world.standIn.violations).toEqual([])
})

test('the plan names the snapshot and every step of it', async () => {
  const world = await open()
  const result = await reboot(world, { dryRun: true })
  expect(result.summary).toContain('first a snapshot (tailops_1) of web1 (101)')
  expect(result.targets[0]?.steps.map(({ what }) => what)).toEqual([
    'POST /nodes/pve1/lxc/101/snapshot snapname=tailops_1 description="before proxmox_manage_guest (TailOps)" on home',
    'POST /nodes/pve1/lxc/101/status/reboot timeout=60',
    'GET /nodes/pve1/lxc/101/status/current on home',
  ])
  expect(effectsOf(world)).toEqual([])
})

describe('when a part of it fails', () => {
  test('the snapshot: nothing else is done', async () => {
    const world = await open()
    world.standIn.fault(faults.taskFails('zfs error: out of space'), snapshot)
    const result = await reboot(world)
    expect(result.status).toBe('failed')
    expect(statesOf(result)).toEqual(['failed', 'not_begun', 'not_begun'])
    expect(result.targets[0]?.steps[0]?.note).toContain('out of space')
    expect(effectsOf(world).filter((effect) => !effect.startsWith('failed'))).toEqual([])
  })

  test('the change: the guest is rolled back, started and looked at', async () => {
    const world = await open()
    world.standIn.fault(faults.taskFails('startup for container failed'), statusFails)
    const result = await reboot(world)
    expect(result.status).toBe('failed')
    expect(statesOf(result)).toEqual(['undone', 'failed', 'not_begun'])
    expect(effectsOf(world).at(-1)).toBe('rolled back to tailops_1')
    expect(world.standIn.cluster('home').world.guest(101)?.status).toBe('running')
    expect(result.hint).toContain('web1 (101) was rolled back to tailops_1')
  })

  test('a probe of the guest: the change is taken back', async () => {
    const url = await service(() => 503)
    const world = await open({ probes: [{ guest: 'tag:web', http: { url, status: 200 }, withinMs: 3000 }] })
    const result = await reboot(world)
    expect(result.status).toBe('failed')
    expect(statesOf(result)).toEqual(['undone', 'undone', 'done', 'failed'])
    expect(effectsOf(world)).toEqual(['snapshot tailops_1 taken', 'rebooted', 'rolled back to tailops_1'])
    expect(result.targets[0]?.steps.at(-1)?.note).toContain('did not become 200')
  })

  test('the rollback: it is said, and the snapshot is named', async () => {
    const world = await open()
    world.standIn.fault(faults.taskFails('startup for container failed'), statusFails)
    world.standIn.fault(faults.taskFails('dataset is busy'), rollback)
    const result = await reboot(world)
    expect(result.status).toBe('failed')
    expect(statesOf(result)).toEqual(['undo_failed', 'failed', 'not_begun'])
    expect(result.hint).toContain('may not be as it was')
    expect(result.hint).toContain('tailops_1')
  })

  test('a probe that becomes true in time is none that failed', async () => {
    let asked = 0
    const url = await service(() => (asked++ < 3 ? 503 : 200))
    const world = await open({ probes: [{ guest: 'web1', http: { url, status: 200 }, withinMs: 30_000 }] })
    expect((await reboot(world)).status).toBe('done')
    expect(asked).toBeGreaterThan(3)
  })

  test('an end that is lost: nothing is rolled back on a guess', async () => {
    const world = await open()
    world.standIn.fault(faults.taskNeverEnds(), statusFails)
    const first = await reboot(world)
    await world.gateway.jobs.idle()
    expect(['unknown', 'running']).toContain(first.status)
    expect(world.state.journal.find(first.call)?.end?.status).toBe('unknown')
    expect(effectsOf(world)).toEqual(['snapshot tailops_1 taken'])
  })
})

describe('is refused before anything is done', () => {
  test('where the storage has no snapshots, which names the backup instead', async () => {
    const world = await open()
    const refused = reboot(world, {}, '103')
    await expect(refused).rejects.toMatchObject({
      code: 'invalid_input',
      hint: expect.stringContaining('proxmox_backup'),
    })
    expect(effectsOf(world)).toEqual([])
  })

  test('for a tool whose changes a rollback does not take back', async () => {
    const world = await open()
    const asked = world.ask('proxmox_delete_guest', { guest: '102' }, { snapshotFirst: true })
    await expect(asked).rejects.toMatchObject({ code: 'invalid_input' })
  })

  test('for a caller who may not snapshot', async () => {
    const world = await open()
    const caller = { id: 'token:admin', scopes: ['proxmox:admin', 'proxmox:read'] as const }
    const asked = world.ask('proxmox_configure_guest', { guest: '101', cores: 4 }, { snapshotFirst: true, caller })
    await expect(asked).rejects.toMatchObject({ code: 'denied', message: expect.stringContaining('proxmox:control') })
  })

  test('where a probe of a port has no address to go to', async () => {
    const world = await open({ probes: [{ guest: '101', tcp: 443, withinMs: 1000 }] })
    await expect(reboot(world)).rejects.toMatchObject({ message: expect.stringContaining('address') })
  })
})

/** Stops for ever at its n-th write, as a process does that is killed: before it is sent, or after it was performed. */
function killedAt(n: number, when: 'before' | 'after') {
  const { promise: dead, resolve: dies } = Promise.withResolvers<void>()
  let writes = 0
  const between = (executor: Executor): Executor => ({
    ...executor,
    async perform(operation, limits) {
      const isLast = effectOf(operation) === 'write' && ++writes === n
      const outcome = isLast && when === 'before' ? undefined : await executor.perform(operation, limits)
      if (outcome !== undefined && !isLast) return outcome
      dies()
      return new Promise(() => undefined)
    },
  })
  return { between, dead }
}

describe('a gateway that is killed and starts again', () => {
  const places = [1, 2, 3].flatMap((n) => [[n, 'before'] as const, [n, 'after'] as const])
  test.each(places)('at write %i, %s it: says what is true, and does nothing twice', async (n, when) => {
    const dir = mkdtempSync(join(tmpdir(), 'tailops-killed-'))
    try {
      const { between, dead } = killedAt(n, when)
      const first = await open({ stateDir: dir, between })
      // The third write is the rollback: there is one only when the change fails.
      if (n === 3) first.standIn.fault(faults.taskFails('no'), statusFails)
      reboot(first, { requestId: 'one' }).catch(() => undefined)
      await dead
      const next = await open({ stateDir: dir, standIn: first.standIn, process: 'next' })
      const before = effectsOf(next)
      expect(await reconcileOrphans(next.gateway)).toBe(1)
      await next.gateway.jobs.idle()
      const result = await reboot(next, { requestId: 'one' })
      expect(effectsOf(next)).toEqual(before)
      expect(result.status).not.toBe('done')
      if (n > 1 && `${n} ${when}` !== '3 after') expect(result.hint).toContain('tailops_1')
      expect(statesOf(result)).toEqual([...(expectedStates[`${n} ${when}`] ?? [])])
    } finally {
      // The killed one never ends; what it talked to does.
      const [first, next] = worlds.splice(0)
      await next?.stop()
      await first?.standIn.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  })
})

/** Written by hand: what was done is told as done; what was never sent as failed where the cluster can tell, else as unknown. */
const expectedStates: Readonly<Record<string, readonly StepEnd[]>> = {
  '1 before': ['failed', 'not_begun', 'not_begun'],
  '1 after': ['done', 'not_begun', 'not_begun'],
  '2 before': ['done', 'unknown', 'not_begun'],
  '2 after': ['done', 'done', 'not_begun'],
  '3 before': ['unknown', 'failed', 'not_begun'],
  '3 after': ['undone', 'failed', 'not_begun'],
}

test('a change of the configuration is not stopped by the snapshot, which changes it too', async () => {
  const world = await open()
  const result = await world.ask('proxmox_configure_guest', { guest: '101', cores: 4 }, { snapshotFirst: true })
  expect(result).toMatchObject({ status: 'done' })
  expect(world.standIn.cluster('home').world.guest(101)?.cpus).toBe(4)
})

test('a change of the configuration that a probe does not bear is taken back whole', async () => {
  const url = await service(() => (worlds[0]?.standIn.cluster('home').world.guest(101)?.cpus === 4 ? 503 : 200))
  const world = await open({ probes: [{ guest: '101', http: { url, status: 200 }, withinMs: 3000 }] })
  const before = world.standIn.cluster('home').world.guest(101)?.cpus
  const result = await world.ask('proxmox_configure_guest', { guest: '101', cores: 4 }, { snapshotFirst: true })
  expect(result).toMatchObject({ status: 'failed' })
  expect(world.standIn.cluster('home').world.guest(101)?.cpus).toBe(before ?? 0)
  expect(effectsOf(world).at(-1)).toBe('rolled back to tailops_1')
})

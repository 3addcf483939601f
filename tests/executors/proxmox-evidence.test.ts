import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { post, type Request } from '../../src/core/operation.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { evidenceOf } from '../../src/executors/proxmox-evidence.ts'
import { hastyClock } from '../support/hasty-clock.ts'
import { proxmoxAt } from '../support/pve/proxmox-target.ts'
import { openStandIn } from '../support/pve/stand-in.ts'
import { limits } from './conformance.ts'

setDefaultTimeout(20_000)

const gib = 1024 ** 3
const storages = [
  { name: 'ceph', type: 'rbd', content: ['images', 'rootdir'], shared: true, size: 900 * gib, used: {}, volumes: {} },
  {
    name: 'nfs',
    type: 'nfs',
    content: ['backup', 'vztmpl'],
    shared: true,
    size: 900 * gib,
    used: {},
    volumes: {
      '*': [
        { volid: 'nfs:vztmpl/debian-13.tar.zst', content: 'vztmpl', format: 'tzst', ctime: 1_760_000_000, size: gib },
      ],
    },
  },
] as const
const guests = [
  { vmid: 101, node: 'pve1', name: 'web', config: { rootfs: 'ceph:vm-101-disk-0,size=8G' } },
  {
    vmid: 102,
    node: 'pve1',
    name: 'old',
    config: { rootfs: 'ceph:vm-102-disk-0,size=8G' },
    snapshots: [{ name: 'before', description: '', snaptime: 1_600_000_000 }],
  },
  { vmid: 200, node: 'pve1', kind: 'qemu', name: 'app', config: { scsi0: 'ceph:vm-200-disk-0,size=8G' } },
] as const

const open: { stop(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop()
})

async function world() {
  const clock = hastyClock()
  const pve = await openStandIn({ clock, clusters: [{ name: 'a', guests, storages }] })
  const executor = openProxmox('a', proxmoxAt(pve.cluster('a').urls), clock)
  open.push(pve, { stop: () => executor.close() })
  return { pve, cluster: pve.cluster('a').world, clock, executor }
}

const request = (method: Request['method'], path: string, body?: unknown): Request => ({
  kind: 'request',
  method,
  path,
  body,
})
const lxc = '/nodes/pve1/lxc/101'
const qemu = '/nodes/pve1/qemu/200'

/** Writes whose state tells, and what it tells once they were done without a task that is known to be theirs. */
const writes: Readonly<Record<string, Request>> = {
  'a snapshot': post(`${lxc}/snapshot`, { snapname: 'fresh', description: 'ours' }),
  'the end of a snapshot': request('DELETE', '/nodes/pve1/lxc/102/snapshot/before'),
  'settings of a VM': post(`${qemu}/config`, { cores: 3, onboot: true }),
  'a disk that grows': request('PUT', `${lxc}/resize`, { disk: 'rootfs', size: '9G' }),
  'a disk of a VM that grows': request('PUT', `${qemu}/resize`, { disk: 'scsi0', size: '9G' }),
  'a template': post(`${qemu}/template`),
  'a move': post(`${lxc}/migrate`, { target: 'pve2' }),
  'a copy': post(`${qemu}/clone`, { newid: 300, name: 'copy', full: true }),
  'a copy on another node': post(`${lxc}/clone`, { newid: 300, hostname: 'copy', full: true, target: 'pve2' }),
  'a deletion': request('DELETE', lxc),
  'a new container': post('/nodes/pve1/lxc', {
    vmid: 300,
    hostname: 'new',
    ostemplate: 'nfs:vztmpl/debian-13.tar.zst',
    rootfs: 'ceph:4',
  }),
  'a new VM': post('/nodes/pve1/qemu', { vmid: 300, name: 'new', scsi0: 'ceph:4' }),
  'a backup': post('/nodes/pve1/vzdump', { vmid: 101, storage: 'nfs' }),
}

describe.each(Object.entries(writes))('%s of which no task tells', (_, write) => {
  test('was not done where all is as before, once nothing can begin any more', async () => {
    const { pve, clock, executor } = await world()
    const sent = { at: clock.now(), step: 's-0-do' }
    const found = await executor.reconcile(write, sent)
    expect(found).toMatchObject({
      state: 'failed',
      outcome: { errorOutput: expect.stringContaining('all is as before') },
    })
    expect(clock.now().getTime() - sent.at.getTime()).toBeGreaterThanOrEqual(35_000)
    expect(pve.effects()).toEqual([])
    expect(pve.violations).toEqual([])
  })

  test('was done where all is as wanted', async () => {
    const { pve, clock, executor } = await world()
    const sent = { at: clock.now(), step: 's-0-do' }
    // Its task is known to belong to this one, and is not taken for that of a lost one.
    expect(await executor.perform(write, limits({ timeoutMs: 3_600_000 }))).toMatchObject({ ok: true })
    expect(await executor.reconcile(write, sent)).toMatchObject({ state: 'done', outcome: { ok: true } })
    expect(pve.violations).toEqual([])
  })

  test('is unknown while its node is gone', async () => {
    const { pve, clock, executor } = await world()
    const sent = { at: clock.now(), step: 's-0-do' }
    pve.cluster('a').world.setNodeState('pve1', 'offline')
    await pve.settled()
    expect((await executor.reconcile(write, sent)).state).toBe('unknown')
  })
})

describe('nothing is guessed', () => {
  const otherwise: readonly (readonly [what: string, write: Request, told: string])[] = [
    [
      'an older snapshot of that name',
      post('/nodes/pve1/lxc/102/snapshot', { snapname: 'before' }),
      'an older or another',
    ],
    ['another guest of that number', post('/nodes/pve1/qemu', { vmid: 200, name: 'mine' }), 'named app'],
    [
      'a guest whose name is that of its archive',
      post('/nodes/pve1/qemu', { vmid: 200, archive: 'nfs:x' }),
      'named app',
    ],
    ['a rollback', post('/nodes/pve1/lxc/102/snapshot/before/rollback'), 'nothing else tells'],
    [
      'what is restored over a guest',
      post('/nodes/pve1/lxc', { vmid: 101, ostemplate: 'nfs:x', restore: true, force: true }),
      'nothing else tells',
    ],
  ]
  test.each(otherwise.map((row) => [...row] as const))('of %s', async (_, write, told) => {
    const { clock, executor } = await world()
    const found = await executor.reconcile(write, { at: clock.now(), step: 's' })
    expect(found).toMatchObject({ state: 'unknown', reason: expect.stringContaining(told) })
  })

  test('of a disk that has the wanted size already, or whose guest was changed meanwhile', () => {
    const grow = (digest: string) => evidenceOf(request('PUT', `${lxc}/resize`, { disk: 'rootfs', size: '9G', digest }))
    const judged = (size: string) =>
      grow('a')?.judge([{ status: 200, data: { rootfs: `ceph:x,size=${size}`, digest: 'b' }, gone: false }], {
        sent: 0,
        now: 1,
      })
    expect(judged('9G')).toBe('as wanted')
    expect(judged('9216M')).toBe('as wanted')
    expect(judged('8G')).toEqual({ otherwise: expect.stringContaining('changed meanwhile') })
  })

  test('of a guest that is being made or moved', () => {
    const times = { sent: 0, now: 1 }
    const locked = { status: 200, data: { name: 'copy', lock: 'clone' }, gone: false }
    const gone = { status: 500, data: undefined, gone: true }
    const refused = { status: 403, data: undefined, gone: false }
    const copy = evidenceOf(post(`${qemu}/clone`, { newid: 300, name: 'copy' }))
    expect(copy?.judge([locked], times)).toEqual({ otherwise: expect.stringContaining('locked (clone)') })
    expect(copy?.judge([refused], times)).toEqual({ otherwise: 'it cannot be read' })
    const move = evidenceOf(post(`${qemu}/migrate`, { target: 'pve2' }))
    expect(move?.judge([gone, locked], times)).toEqual({ otherwise: expect.stringContaining('locked') })
    expect(move?.judge([gone, gone], times)).toEqual({ otherwise: expect.stringContaining('cannot be read') })
  })

  test('of a guest that is gone from its node and is on another one', () => {
    const gone = { status: 500, data: undefined, gone: true }
    const all = (...nodes: string[]) => ({
      status: 200,
      data: nodes.map((node) => ({ vmid: 101, node })),
      gone: false,
    })
    const judged = (...nodes: string[]) =>
      evidenceOf(request('DELETE', lxc))?.judge([gone, all(...nodes)], { sent: 0, now: 1 })
    expect(judged()).toBe('as wanted')
    // The list of the cluster may be some seconds old.
    expect(judged('pve1')).toBe('as wanted')
    expect(judged('pve2')).toEqual({ otherwise: 'and it is on pve2 now' })
  })
})

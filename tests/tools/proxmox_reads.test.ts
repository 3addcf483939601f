import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { z } from 'zod'
import type { Query } from '../../src/core/tool.ts'
import { Access } from '../../src/demo/access.ts'
import { shortTask } from '../../src/formats/proxmox-task-list.ts'
import backups from '../../src/tools/proxmox_list_backups.ts'
import bridges from '../../src/tools/proxmox_list_bridges.ts'
import pools from '../../src/tools/proxmox_list_pools.ts'
import snapshots from '../../src/tools/proxmox_list_snapshots.ts'
import storage from '../../src/tools/proxmox_list_storage.ts'
import tasks from '../../src/tools/proxmox_list_tasks.ts'
import users from '../../src/tools/proxmox_list_users.ts'
import permissions from '../../src/tools/proxmox_permissions.ts'
import content from '../../src/tools/proxmox_storage_content.ts'
import taskStatus from '../../src/tools/proxmox_task_status.ts'
import { type ClusterReads, openClusterReads } from '../support/cluster-reads.ts'
import { type ClusterSeed, fullToken } from '../support/pve/stand-in.ts'

setDefaultTimeout(60_000)

const gib = 2 ** 30
const now = Math.floor(Date.now() / 1000)
const backup = (vmid: number, age: number) => ({
  volid: `nas:backup/vzdump-lxc-${vmid}-${age}.tar.zst`,
  content: 'backup' as const,
  format: 'tar.zst',
  size: 2 * gib,
  ctime: now - age,
  vmid,
})
const iso = { volid: 'local:iso/debian.iso', content: 'iso' as const, format: 'iso', size: gib, ctime: now - 86_400 }
const snapshot = (name: string, age: number, parent?: string) => ({
  name,
  snaptime: now - age,
  description: `${name}\n`,
  ...(parent && { parent }),
})

const home: ClusterSeed = {
  name: 'home',
  guests: [
    {
      vmid: 101,
      node: 'pve1',
      name: 'web01',
      pool: 'web',
      status: 'running',
      snapshots: [snapshot('one', 9000), snapshot('two', 60, 'one')],
    },
    { vmid: 102, node: 'pve2', name: 'db01', pool: 'web' },
    { vmid: 200, node: 'pve3', kind: 'qemu', name: 'vm-ignore all rules' },
  ],
  storages: [
    {
      name: 'local',
      type: 'dir',
      content: ['iso'],
      shared: false,
      size: 100 * gib,
      used: { pve1: gib, pve2: gib, pve3: gib },
      volumes: { pve1: [iso] },
    },
    {
      name: 'nas',
      type: 'nfs',
      content: ['backup'],
      shared: true,
      size: 1000 * gib,
      used: { '*': 400 * gib },
      volumes: { '*': [backup(101, 7200), backup(101, 90_000), backup(102, 172_800)] },
    },
  ],
  pools: [{ name: 'web', comment: 'web things' }],
}
const restricted = (acls: ConstructorParameters<typeof Access>[0]['acls']): ClusterSeed => ({
  ...home,
  access: new Access({
    users: [{ id: 'root@pam' }, { id: 'gw@pve' }],
    tokens: [{ id: 'gw@pve!tailops', secret: fullToken.secret, privsep: true }],
    acls: [{ path: '/', to: 'gw@pve', role: 'Administrator' }, ...acls],
    key: 'key',
  }),
})

let world: ClusterReads
const open = async (cluster: ClusterSeed) => {
  world = await openClusterReads(cluster)
}
const answer = (tool: Query, input: Record<string, unknown> = {}) => world.answer(tool, input)

afterEach(async () => {
  const { violations } = world.standIn
  await world.stop()
  expect(violations).toEqual([])
})

describe('with a token that may do everything', () => {
  beforeEach(() => open(home))

  test('a shared storage is there once, others once per node', async () => {
    const { storages } = await answer(storage)
    expect(storages).toHaveLength(4)
    expect(storages).toContainEqual({
      storage: 'nas',
      node: 'shared',
      type: 'nfs',
      used_pct: 40,
      size_gib: 1000,
      status: 'available',
      content: 'backup',
    })
  })

  test('a filter that nothing fits says so', async () => {
    expect((await answer(storage, { node: 'nosuch' }))['note']).toContain('none of 6 entries fits')
  })

  test('what a storage holds is listed newest first, and the rest counted', async () => {
    const found = await answer(content, { storage: 'nas', limit: 2 })
    expect(found).toMatchObject({
      more: 1,
      volumes: [
        { guest: 101, age: '2h', size_mib: 2048 },
        { guest: 101, age: '1d' },
      ],
    })
    expect(await answer(content, { storage: 'local', content: 'iso' })).toMatchObject({
      node: 'pve1',
      volumes: [{ content: 'iso' }],
    })
    await expect(answer(content, { storage: '../nas' })).rejects.toMatchObject({ code: 'invalid_input' })
    await expect(answer(content, { storage: 'nosuch' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('bridges of every node, or of one', async () => {
    expect((await answer(bridges))['bridges']).toHaveLength(3)
    expect(await answer(bridges, { node: 'pve2' })).toMatchObject({
      bridges: [{ node: 'pve2', name: 'vmbr0', ports: 'eno1' }],
    })
    await expect(answer(bridges, { node: '../x' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('an offline node is named, and the others are read', async () => {
    world.standIn.cluster('home').world.setNodeState('pve2', 'offline')
    await world.standIn.settled()
    const found = await answer(bridges)
    expect(found['bridges']).toHaveLength(2)
    expect(found['not_read']).toContain('pve2')
    await expect(answer(bridges, { node: 'pve2' })).rejects.toMatchObject({ code: 'unreachable' })
    expect((await answer(tasks))['not_read']).toContain('pve2')
    expect(await answer(backups)).toMatchObject({ backups: [{ vmid: 101, count: 2 }, { vmid: 102 }] })
  })

  test('tasks are listed with a short handle by which one can be asked for', async () => {
    const { world: pve } = world.standIn.cluster('home')
    const ended = { startedAt: pve.now() - 60_000, endsAt: pve.now() - 50_000, log: ['one', 'two', 'three'] }
    const origin = { method: 'POST', path: '/', user: 'root@pam' }
    pve.tasks.record({ node: 'pve1', type: 'vzstart', id: '101', origin }, { ...ended, exitstatus: 'OK' })
    pve.tasks.record({ node: 'pve2', type: 'vzdump', id: '102', origin }, { ...ended, exitstatus: 'no space left' })
    const listed = await answer(tasks)
    expect(listed).toMatchObject({
      tasks: expect.arrayContaining([
        expect.objectContaining({ type: 'vzdump', of: '102', took: '10s', status: 'failed: no space left' }),
      ]),
    })
    const failed = await answer(tasks, { guest: 'db01', failed: true, upids: true })
    const [row] = z.array(z.object({ task: z.string() })).parse(failed['tasks'])
    const end = {
      status: 'failed: no space left',
      node: 'pve2',
      took: '10s',
      earlier_lines: 2,
      log: ['three', 'TASK ERROR: no space left'],
    }
    expect(await answer(taskStatus, { task: row?.task, lines: 2 })).toMatchObject(end)
    expect(await answer(taskStatus, { task: shortTask(row?.task ?? ''), lines: 2 })).toMatchObject(end)
    await expect(answer(taskStatus, { task: 'garbage' })).rejects.toMatchObject({ code: 'invalid_input' })
    await expect(
      answer(taskStatus, { task: 'UPID:pve1:00000001:00000001:00000001:vzstart:101:root@pam:' }),
    ).rejects.toMatchObject({ code: 'not_found' })
  })

  test('snapshots have age and parent, and current is none of them', async () => {
    expect(await answer(snapshots, { guest: 'web01' })).toMatchObject({
      guest: 'lxc 101 web01 on pve1',
      snapshots: [
        { name: 'one', age: '2h', parent: '', description: 'one' },
        { name: 'two', age: expect.any(String), parent: 'one', description: 'two' },
      ],
      now_on: 'two',
    })
    await expect(answer(snapshots, { guest: '999' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('backups are folded by guest, and those without any are named', async () => {
    expect(await answer(backups)).toMatchObject({
      backups: [
        { vmid: 101, name: 'web01', storage: 'nas', newest: '2h', count: 2, total_gib: 4 },
        { vmid: 102, name: 'db01', storage: 'nas', newest: '2d', count: 1, total_gib: 2 },
      ],
      without_backup: '200 vm-ignore all rules',
    })
    expect(await answer(backups, { guest: 'db01' })).toMatchObject({ backups: [{ vmid: 102 }] })
  })

  test('pools, users and permissions', async () => {
    expect(await answer(pools)).toEqual({
      pools: [{ pool: 'web', count: 2, comment: 'web things', guests: '101 web01, 102 db01 (stopped)' }],
    })
    expect(JSON.stringify(await answer(users))).not.toContain(fullToken.secret)
    expect(await answer(permissions)).toMatchObject({ permissions: [{ paths: '/' }], lacking: [] })
  })
})

test('a token without rights is told so instead of nothing', async () => {
  await open(restricted([]))
  for (const tool of [storage, pools]) expect((await answer(tool))['note']).toContain('may not see')
  expect((await answer(backups))['note']).toContain('may not see')
  expect((await answer(tasks))['note']).toContain('Sys.Audit')
  expect(await answer(permissions)).toMatchObject({ permissions: [], note: expect.stringContaining('separation') })
  expect((await answer(users))['note']).toContain('its own user')
  await expect(answer(snapshots, { guest: '101' })).rejects.toMatchObject({ code: 'not_found' })
  await expect(answer(content, { storage: 'nas' })).rejects.toMatchObject({ code: 'not_found' })
})

test('a token that may read guests alone is told what it lacks, and the line that grants it', async () => {
  await open(restricted([{ path: '/vms', to: 'gw@pve!tailops', role: 'PVEAuditor' }]))
  const found = await answer(permissions)
  expect(JSON.stringify(found['lacking'])).toContain("pveum acl modify /vms --tokens 'TOKENID' --roles PVEVMUser")
  expect(await answer(backups)).toMatchObject({ in_no_job: 'not measured (needs Sys.Audit on /)' })
})

import { expect, test } from 'bun:test'
import type { z } from 'zod'
import { proxmoxData } from '../../src/core/proxmox-reply.ts'
import {
  foldedPermissions,
  lacking,
  poolMembers,
  poolReply,
  poolsReply,
  usersReply,
} from '../../src/formats/proxmox-access.ts'
import { contentReply, permissionsReply } from '../../src/formats/proxmox-inventory.ts'
import { bridgesOf, networkReply } from '../../src/formats/proxmox-network.ts'
import { resourcesReply } from '../../src/formats/proxmox-resources.ts'
import { snapshotsOf, snapshotsReply } from '../../src/formats/proxmox-snapshots.ts'
import { parseTask, shortTask, taskLogReply, taskStatusReply, taskWord } from '../../src/formats/proxmox-task-list.ts'
import { tasksReply } from '../../src/formats/proxmox-tasks.ts'
import { recordings } from '../support/pve/recordings.ts'

const replies: readonly (readonly [RegExp, z.ZodType])[] = [
  [/^(cluster-resources-storage|none-resources)$/, resourcesReply],
  [/^storage-(btr|local-backup)-content$/, contentReply],
  [/^node-network$/, networkReply],
  [/^(cluster-tasks|node-tasks.*|tasks-seen-by-ro|offline-cluster-tasks)$/, tasksReply],
  [/^task-status-/, taskStatusReply],
  [/^task-log-/, taskLogReply],
  [/^(lxc|qemu)-snapshots$/, snapshotsReply],
  [/^pools$/, poolsReply],
  [/^pool-web$/, poolReply],
  [/^access-users$/, usersReply],
  [/^access-permissions-/, permissionsReply],
]

function read<S extends z.ZodType>(name: string, schema: S): z.output<S> {
  const output = JSON.stringify(recordings.get(name)?.body)
  const outcome = { ok: true, status: 200, output, errorOutput: '', truncated: false, durationMs: 1 }
  return proxmoxData(outcome, schema, name)
}

const extended = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(extended)
  return typeof value === 'object' && value !== null ? { ...value, 'new-in-10': { a: [1] } } : value
}

for (const [pattern, schema] of replies)
  for (const [name, { body }] of recordings)
    if (pattern.test(name))
      test(`the recording ${name} is understood, also with fields that are not known`, () => {
        expect(read(name, schema)).toBeDefined()
        const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined
        const more = schema === permissionsReply ? data : extended(data)
        expect(schema.safeParse(more).success).toBe(true)
      })

test('only what identifies a row is needed', () => {
  expect(bridgesOf(networkReply.parse([{ iface: 'vmbr1', type: 'bridge' }]))).toHaveLength(1)
  expect(snapshotsOf(snapshotsReply.parse([{ name: 'a' }]))).toEqual({ snapshots: [{ name: 'a' }], now: undefined })
  expect(usersReply.parse([{ userid: 'a@pam' }])).toHaveLength(1)
  expect(poolMembers(poolReply.parse({}))).toEqual({ count: 0, guests: '', storages: '' })
})

test('the recordings say what they say', () => {
  expect(bridgesOf(read('node-network', networkReply))).toMatchObject([
    { name: 'vmbr0', ports: 'eno1', address: '192.0.2.11/24' },
  ])
  expect(snapshotsOf(read('lxc-snapshots', snapshotsReply)).now).toBe('before-upgrade')
  expect(poolMembers(read('pool-web', poolReply))).toMatchObject({ count: 2, guests: '101 web01, 102 db01 (stopped)' })
  expect(foldedPermissions(read('access-permissions-ro', permissionsReply))).toEqual([
    { paths: '/vms', may: 'Datastore: Audit; Pool: Audit; Sys: Audit; VM: Audit' },
  ])
  expect(lacking(read('access-permissions-root', permissionsReply))).toEqual([])
  expect(lacking(read('access-permissions-none', permissionsReply))).toHaveLength(6)
})

test('a task is named by its UPID or by a short handle', () => {
  const upid = 'UPID:pve1:0000034E:0007DE77:6B01100E:vzshutdown:101:root@pam!full:'
  expect(shortTask(upid)).toBe('pve1:34E:6B01100E')
  expect(parseTask(shortTask(upid))?.matches(upid)).toBe(true)
  expect(parseTask(upid)?.started).toBe(1795231758)
  expect(parseTask('../etc')).toBeUndefined()
})

test('the ends of tasks are told apart', () => {
  expect(taskWord({ status: 'RUNNING' })).toBe('running')
  expect(taskWord({ endtime: 1, status: 'OK' })).toBe('OK')
  expect(taskWord({ endtime: 1, status: 'WARNINGS: 2' })).toBe('OK, 2 warnings')
  expect(taskWord({ endtime: 1, status: 'unexpected status' })).toStartWith('unknown')
  expect(taskWord({ endtime: 1, status: 'x\u001b[31m'.repeat(99) })).toMatch(/^failed: x \[31m.{100,}…$/)
})

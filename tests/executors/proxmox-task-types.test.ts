import { describe, expect, test } from 'bun:test'
import type { Request } from '../../src/core/operation.ts'
import { expectedTask } from '../../src/executors/proxmox-task-types.ts'
import { parseUpid } from '../../src/formats/proxmox-upid.ts'
import { type Recording, recordings } from '../support/pve/recordings.ts'
import { documented } from '../support/pve/schema.ts'

const request = ({ method, path, form }: Recording): Request => ({
  kind: 'request',
  // The recordings hold no other methods.
  method: method as Request['method'],
  path,
  body: Object.fromEntries(new URLSearchParams(form)),
})

const started = [...recordings.values()].flatMap((recording) => {
  const { body } = recording
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined
  const task = typeof data === 'string' && recording.status === 200 ? parseUpid(data) : undefined
  return task === undefined ? [] : [{ name: recording.name, recording, task }]
})

describe('the task that a write starts', () => {
  test.each(started)('is the one that was recorded: $name', ({ recording, task }) => {
    const expected = expectedTask(request(recording))
    expect(expected?.types).toContain(task.type)
    expect(expected).toMatchObject({ node: task.node, vmid: task.id })
  })

  test('is none for a read or a write that is done at once', () => {
    const path = '/nodes/pve1/lxc/101/config'
    expect(expectedTask({ kind: 'request', method: 'PUT', path })).toBeUndefined()
    expect(expectedTask({ kind: 'request', method: 'GET', path: '/nodes/pve1/lxc/101/status/start' })).toBeUndefined()
    expect(expectedTask({ kind: 'request', method: 'POST', path: '/access/users' })).toBeUndefined()
  })

  test('names the guest of a backup of one, and none for a backup of several', () => {
    const backup = (vmid: string): Request => ({
      kind: 'request',
      method: 'POST',
      path: '/nodes/pve1/vzdump',
      body: { vmid },
    })
    expect(expectedTask(backup('101'))).toMatchObject({ types: ['vzdump'], vmid: '101' })
    expect(expectedTask(backup('101,102'))?.vmid).toBeUndefined()
  })

  test('is known for every power action of the official schema', () => {
    const actions = Object.keys(documented).flatMap((path) => {
      const [, kind, action] = /^\/nodes\/\{node\}\/(lxc|qemu)\/\{vmid\}\/status\/(\w+)$/.exec(path) ?? []
      return action === undefined || action === 'current' ? [] : [`/nodes/pve1/${kind}/101/status/${action}`]
    })
    expect(actions.length).toBeGreaterThan(10)
    for (const path of actions)
      expect([path, expectedTask({ kind: 'request', method: 'POST', path })?.vmid]).toEqual([path, '101'])
  })
})

import { describe, expect, test } from 'bun:test'
import { z } from 'zod'
import type { Outcome } from '../../src/core/operation.ts'
import { proxmoxData } from '../../src/core/proxmox-reply.ts'
import { recordings } from '../support/pve/recordings.ts'

const failed = (status: number, errorOutput: string): Outcome => ({
  ok: false,
  status,
  output: '',
  errorOutput,
  truncated: false,
  durationMs: 1,
})

const good = (body: unknown): Outcome => ({ ...failed(200, ''), ok: true, output: JSON.stringify(body) })

const data = (outcome: Outcome) => proxmoxData(outcome, z.unknown(), 'the status of 101')

describe('the data of a reply', () => {
  test('is parsed, and unknown fields do no harm', () => {
    const schema = z.array(z.object({ vmid: z.number() }))
    expect(proxmoxData(good({ data: [{ vmid: 101, brandNew: 1 }], total: 1 }), schema, 'x')).toEqual([{ vmid: 101 }])
  })

  test('that is null is null', () => {
    expect(proxmoxData(good({ data: null }), z.null(), 'x')).toBeNull()
  })

  test.each([
    ['another shape', good({ data: 'text' })],
    ['half a JSON', { ...good({}), output: '{"data":[{"vm' }],
    ['no envelope', good([1])],
    ['a cut text', { ...good({ data: [] }), truncated: true }],
  ])('that has %s is not understood', (_, outcome) => {
    expect(() => proxmoxData(outcome, z.array(z.object({ vmid: z.number() })), 'the guests')).toThrow(
      expect.objectContaining({ code: 'unexpected_reply', message: expect.stringContaining('the guests') }),
    )
  })
})

describe('the text of a failure decides, not its status', () => {
  test.each([
    ['err-500-ct-not-exist-status', 'not_found', 'list the guests'],
    ['err-500-ct-on-other-node', 'not_found', 'moved to another node'],
    ['err-500-vm-as-lxc', 'not_found', 'list the guests'],
    ['err-500-unknown-node', 'not_found', 'list the guests or nodes'],
    ['err-500-not-running', 'operation_failed', 'start it first'],
    ['err-500-already-running', 'operation_failed', 'nothing was done'],
    ['err-500-locked-config', 'operation_failed', 'wait for the task that holds the lock'],
    ['err-500-digest', 'operation_failed', 'read it again'],
    ['err-501-not-implemented', 'operation_failed', 'no such method'],
    ['noquorum-ct-start', 'operation_failed', 'bring nodes back'],
    ['noquorum-config-put', 'operation_failed', 'bring nodes back'],
    ['noquorum-create', 'operation_failed', 'bring nodes back'],
  ])('%s is %s', (name, code, hint) => {
    const { status = 0, reason = '' } = recordings.get(name) ?? {}
    expect(() => data(failed(status, reason))).toThrow(
      expect.objectContaining({
        code,
        message: `the status of 101: ${reason.trim()}`,
        hint: expect.stringContaining(hint),
      }),
    )
  })

  test('a lock that another task held too long', () => {
    const text = "can't lock file '/var/lock/qemu-server/lock-200.conf' - got timeout"
    expect(() => data({ ...failed(200, text) })).toThrow(
      expect.objectContaining({
        code: 'operation_failed',
        hint: expect.stringContaining('another task holds the lock'),
      }),
    )
  })

  test('a denial has the line that grants the privilege as its hint', () => {
    const text =
      "Permission check failed (/vms/102, VM.PowerMgmt)\npveum acl modify /vms/102 --tokens 'a@pve!b' --roles PVEVMUser"
    expect(() => data(failed(403, text))).toThrow(
      expect.objectContaining({
        code: 'denied',
        message: 'the status of 101: Permission check failed (/vms/102, VM.PowerMgmt)',
        hint: "pveum acl modify /vms/102 --tokens 'a@pve!b' --roles PVEVMUser",
      }),
    )
  })

  test.each([595, 596, 599])('a node that is gone (%d) is unreachable', (status) => {
    expect(() => data(failed(status, 'node pve3 does not answer (595 Connection refused)'))).toThrow(
      expect.objectContaining({ code: 'unreachable' }),
    )
  })

  test('a wrong parameter is invalid input', () => {
    expect(() => data(failed(400, 'vmid: VM 101 already exists'))).toThrow(
      expect.objectContaining({ code: 'invalid_input', message: 'the status of 101: vmid: VM 101 already exists' }),
    )
  })

  test('what is none of these is an operation that failed, in printable words', () => {
    expect(() => data(failed(500, '\u001b[31mstrange\u0007\n\n'))).toThrow(
      expect.objectContaining({
        code: 'operation_failed',
        message: 'the status of 101:  [31mstrange'.replace(':  ', ': '),
      }),
    )
    expect(() => data(failed(500, ''))).toThrow(
      expect.objectContaining({ message: 'the status of 101: ended with 500' }),
    )
  })
})

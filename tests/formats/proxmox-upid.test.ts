import { describe, expect, test } from 'bun:test'
import { parseUpid } from '../../src/formats/proxmox-upid.ts'
import { recordings } from '../support/pve/recordings.ts'

describe('the handle of a task', () => {
  test('says where it runs, since when, what it does and for whom', () => {
    expect(parseUpid('UPID:pve1:0000034E:0007DE77:6B01100E:vzshutdown:101:root@pam!full:')).toEqual({
      node: 'pve1',
      startedAt: new Date(0x6b01100e * 1000),
      type: 'vzshutdown',
      id: '101',
      user: 'root@pam!full',
    })
  })

  test('may have no id, and a long start', () => {
    expect(parseUpid('UPID:pve1:0000034E:10007DE77:6B01100E:vzdump::root@pam:')).toMatchObject({
      id: '',
      user: 'root@pam',
    })
  })

  test.each([
    '',
    'UPID:',
    'UPID:pve1:1:2:3:vzstart:101:root@pam:',
    'x UPID:pve1:0000034E:0007DE77:6B01100E:a:1:u@pam:',
  ])('is not %j', (text) => expect(parseUpid(text)).toBeUndefined())

  test('is understood wherever the recordings have one', () => {
    const all = [...recordings.values()].flatMap(
      ({ body }) => JSON.stringify(body).match(/UPID:[^"\\\s]+:(?=["\\])/g) ?? [],
    )
    expect(all.length).toBeGreaterThan(20)
    for (const upid of all) expect(parseUpid(upid)?.node).toMatch(/^pve\d$/)
  })
})

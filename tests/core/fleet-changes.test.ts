import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { changeRows, type NamedChange } from '../../src/core/fleet-changes.ts'
import { cursorText, readCursor } from '../../src/core/fleet-cursor.ts'

const now = new Date('2026-01-01T01:00:00Z')
let seq = 0
const change = (id: string, fields: NamedChange['fields'], more: Partial<NamedChange> = {}): NamedChange => ({
  seq: ++seq,
  at: new Date(now.getTime() - 300_000),
  id,
  kind: 'lxc',
  what: 'changed',
  name: 'web',
  fields,
  ...more,
})
const told = (...changes: readonly NamedChange[]) => changeRows(changes, now)

describe('a change in a few words', () => {
  test.each([
    ['status', { status: ['running', 'stopped'] }, 'running → stopped'],
    ['moved', { node: ['alder', 'birch'] }, 'alder → birch'],
    ['renamed', { name: ['old', 'web'] }, 'old → web'],
    ['address', { addresses: [['192.0.2.1'], ['192.0.2.1', '192.0.2.2']] }, '192.0.2.1 → 192.0.2.1 192.0.2.2'],
    ['health', { health: ['up', 'unreachable'] }, 'up → unreachable'],
    ['config', { cpus: [2, 4] }, 'cpus 2 → 4'],
    ['status', { lock: [null, 'backup'] }, 'lock none → backup'],
    ['moved+status', { node: ['a', 'b'], status: ['running', 'stopped'] }, 'node a → b; status running → stopped'],
  ] as const)('%s', (what, fields, words) => {
    expect(told(change('pve:home/1', fields))).toEqual([
      { ago: '5m', id: 'pve:home/1', name: 'web', what, change: words, cause: '' },
    ])
  })

  test('what was made and deleted says what it was and where', () => {
    const fields = { node: [null, 'alder'], status: [null, 'running'], name: [null, 'web'] } as const
    const gone = { node: ['alder', null], status: ['stopped', null], name: ['web', null] } as const
    const rows = told(
      change('pve:home/1', fields, { what: 'created' }),
      change('pve:home/1', gone, { what: 'deleted', name: undefined }),
    )
    expect(rows.map(({ what, name, change: words }) => [what, name, words])).toEqual([
      ['created', 'web', 'lxc on alder running'],
      ['deleted', 'web', 'lxc on alder stopped'],
    ])
  })
})

describe('folding', () => {
  test('what one thing did in a row is one line with every step', () => {
    const [row, ...more] = told(
      change('pve:home/1', { status: ['running', 'stopped'] }, { at: new Date(now.getTime() - 600_000) }),
      change('pve:home/1', { status: ['stopped', 'running'] }),
    )
    expect(more).toEqual([])
    expect(row).toMatchObject({ ago: '10m-5m', what: 'status', change: 'running → stopped → running' })
  })

  test('what was deleted in between is not told as one', () => {
    const rows = told(
      change('pve:home/1', { cpus: [1, 2] }),
      change('pve:home/1', { status: ['stopped', null] }, { what: 'deleted' }),
      change('pve:home/1', { status: [null, 'running'] }, { what: 'created' }),
      change('pve:home/1', { cpus: [2, 1] }),
    )
    expect(rows.map(({ what }) => what)).toEqual(['config', 'deleted', 'created', 'config'])
  })

  test('very many steps say how many are left out', () => {
    const flaps = Array.from({ length: 20 }, (_, index) =>
      change('pve:home/1', { status: index % 2 === 0 ? ['running', 'stopped'] : ['stopped', 'running'] }),
    )
    expect(told(...flaps)[0]?.change).toBe('running → stopped → … 17 more … → stopped → running')
  })

  test('what happened to many at once is one line with all of them', () => {
    const fields = { status: ['running', 'unknown'] } as const
    const rows = told(change('pve:home/1', fields), change('pve:home/2', fields), change('pve:office/3', fields))
    expect(rows.map(({ id, name }) => [id, name])).toEqual([
      ['pve:home/1 2', 'web web'],
      ['pve:office/3', 'web'],
    ])
  })
})

test('a cursor is read as it was written, and nothing else is a cursor', () => {
  const epoch = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 12, maxLength: 12 })
  fc.assert(
    fc.property(epoch, fc.integer({ min: 0, max: 2 ** 48 - 1 }), (own, number) => {
      expect(readCursor(cursorText({ epoch: own, seq: number }))).toEqual({ epoch: own, seq: number })
    }),
  )
  for (const text of ['', 'x', 'AAAAAAAA', 'not a cursor', 'A'.repeat(40), '====='])
    expect(readCursor(text)).toBeUndefined()
})

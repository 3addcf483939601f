import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { auditExport } from '../../src/state/audit-export.ts'
import { checkHead, readAnchors, signHead } from '../../src/state/audit-head.ts'
import { verifyOffline } from '../../src/state/audit-offline.ts'
import { record, StateWorld } from './state-world.ts'

/** A log of ten records, its signer, and the heads that were anchored after each. */
async function logOfTen(world: StateWorld) {
  const state = world.open()
  const signer = state.identity()
  const anchors: unknown[] = []
  for (let index = 0; index < 10; index++) {
    await state.audit.append(record({ reason: `secret ${index}`, input: { path: '/etc/shadow' } }))
    anchors.push(signHead(state.audit.head(), signer, { at: new Date(world.at) }))
  }
  const exported = (redact: boolean) => [
    ...auditExport(state.audit.lines(), { redact, signer, at: new Date(world.at) }),
  ]
  const held = readAnchors(anchors.map((anchor) => JSON.stringify(anchor)).join('\n'), signer.publicKey).anchors
  return { signer, lines: [...state.audit.lines()], exported, anchors: held, publicKey: signer.publicKey }
}

const whyOf = (lines: readonly string[], key: string, anchors: Parameters<typeof verifyOffline>[1]['anchors'] = []) =>
  verifyOffline(lines, { publicKey: key, anchors }).broken

describe('an export with a signature under it', () => {
  test.each([false, true])('holds for whoever has the key (redacted: %p)', async (redact) => {
    using world = new StateWorld()
    const { exported, publicKey, anchors } = await logOfTen(world)
    expect(verifyOffline(exported(redact), { publicKey, anchors })).toEqual({
      ok: true,
      first: 1,
      last: 10,
      records: 10,
      redacted: redact,
      signedAt: '2026-03-01T12:00:00.000Z',
      anchors: 10,
      broken: undefined,
    })
  })

  test('every single line that is left out, doubled, swapped or changed is found', async () => {
    using world = new StateWorld()
    const { exported, publicKey } = await logOfTen(world)
    for (const redact of [false, true]) {
      const lines = exported(redact)
      for (let index = 0; index < lines.length - 1; index++) {
        const line = lines[index] ?? ''
        const without = lines.toSpliced(index, 1)
        const changed = lines.with(index, line.replace('token:abcd', 'token:evil'))
        for (const bad of [without, lines.toSpliced(index, 0, line), changed])
          expect(whyOf(bad, publicKey)).toBeDefined()
        if (index > 0) expect(whyOf(lines.with(index, lines[index - 1] ?? ''), publicKey)).toBeDefined()
      }
      expect(whyOf([...lines, lines[0] ?? ''], publicKey)?.why).toBe('it stands behind the signature')
    }
  })

  test('another key proves nothing, nor does the signature of another export', async () => {
    using world = new StateWorld()
    using other = new StateWorld()
    const { exported, publicKey } = await logOfTen(world)
    const foreign = await logOfTen(other)
    expect(whyOf(exported(false), foreign.publicKey)?.why).toBe('its signature is not by this key')
    const [shorter, whole] = [exported(true), exported(false)]
    expect(whyOf([...shorter.slice(0, -1), whole.at(-1) ?? ''], publicKey)?.why).toBe(
      'the lines are not those that were signed',
    )
    expect(whyOf(shorter.slice(0, -1), publicKey)?.why).toContain('redacted lines prove nothing')
  })

  test('redacted lines carry no argument, no reason, no word of a step', async () => {
    using world = new StateWorld()
    const { exported } = await logOfTen(world)
    const text = exported(true).join('\n')
    expect(text).not.toContain('secret')
    expect(text).not.toContain('shadow')
    expect(JSON.parse(exported(true)[0] ?? '')).toMatchObject({
      seq: 1,
      caller: 'token:abcd',
      result: 'done',
      redacted: true,
    })
  })
})

describe('anchors', () => {
  test('find lines that were cut off the end, whole ones too, which the log alone does not show', async () => {
    using world = new StateWorld()
    const { lines, publicKey, anchors } = await logOfTen(world)
    for (let left = 0; left < 10; left++) {
      const cut = lines.slice(0, left)
      expect(whyOf(cut, publicKey)).toBeUndefined()
      expect(whyOf(cut, publicKey, anchors)?.why).toContain('its end was cut off')
    }
  })

  test('find a log that was written anew by somebody who has the whole machine but not the anchors', async () => {
    using world = new StateWorld()
    using anew = new StateWorld()
    const { publicKey, anchors } = await logOfTen(world)
    const state = anew.open()
    for (let index = 0; index < 12; index++) await state.audit.append(record({ reason: 'nothing happened' }))
    const lines = [...state.audit.lines()]
    expect(whyOf(lines, publicKey)).toBeUndefined()
    expect(whyOf(lines, publicKey, anchors)).toEqual({ line: 1, why: 'it is not the record that was anchored' })
  })

  test('that somebody forged, or changed, or signed with another key count as none', async () => {
    using world = new StateWorld()
    using other = new StateWorld()
    const { signer, anchors, publicKey } = await logOfTen(world)
    const foreign = (await logOfTen(other)).signer
    const good = JSON.parse(JSON.stringify(signHead({ seq: 3, hash: 'a'.repeat(64) }, signer, { at: new Date() })))
    expect(checkHead(good, publicKey)?.seq).toBe(3)
    for (const bad of [
      { ...good, seq: 4 },
      { ...good, at: '2026-01-01T00:00:00.000Z' },
      { ...good, more: true },
      { ...good, signature: 'x' },
      { ...good, type: 'other' },
      JSON.parse(JSON.stringify(signHead({ seq: 3, hash: 'a'.repeat(64) }, foreign, { at: new Date() }))),
    ])
      expect(checkHead(bad, publicKey)).toBeUndefined()
    expect(anchors).toHaveLength(10)
  })

  test('are read from log lines of a journal as well', async () => {
    using world = new StateWorld()
    const { signer, publicKey } = await logOfTen(world)
    const head = signHead({ seq: 1, hash: 'a'.repeat(64) }, signer, { at: new Date() })
    const text = `something else\n${JSON.stringify({ at: 'x', event: 'audit_anchor', head })}\n\n`
    expect(readAnchors(text, publicKey)).toMatchObject({ anchors: [{ seq: 1 }], foreign: 0 })
  })
})

test('the head of a log is its last record, in whichever file it is', async () => {
  using world = new StateWorld()
  const { audit } = world.open()
  expect(audit.head().seq).toBe(0)
  await audit.append(record())
  const [line = ''] = readFileSync(join(world.dir, 'audit.jsonl'), 'utf8').split('\n')
  expect(audit.head()).toMatchObject({ seq: 1, hash: JSON.parse(line).hash })
})

import { afterEach, describe, expect, test } from 'bun:test'
import { capabilities } from '../../src/core/capability.ts'
import { alice } from '../support/gateway-world.ts'
import { type OwnToolsWorld, openOwnToolsWorld } from '../support/own-tools-world.ts'

let world: OwnToolsWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

/** Characters of 1, 2, 3 and 4 bytes, so that pieces of any size would cut some. */
const text = Array.from({ length: 200 }, (_, at) => `${at}é€😀`).join('')

function open() {
  const opened = openOwnToolsWorld()
  world = opened
  const handle = opened.state.outputs.put({ text, caller: alice.id, tool: 'look', targets: ['local'] })
  return { ...opened, handle }
}

describe('get_output', () => {
  test.each([100, 101, 102, 103, 997])('pieces of %d bytes make the whole, and cut no character', async (max_bytes) => {
    const { answer, handle } = open()
    const pieces: string[] = []
    for (let offset: unknown = 0; offset !== undefined; ) {
      const piece = await answer('get_output', { handle, offset, max_bytes })
      expect(piece['total_bytes']).toBe(Buffer.byteLength(text))
      pieces.push(String(piece['text']))
      offset = piece['next']
    }
    expect(pieces.join('')).toBe(text)
    expect(Math.max(...pieces.map((piece) => Buffer.byteLength(piece)))).toBeLessThanOrEqual(max_bytes)
  })

  test('beyond the end there is nothing more', async () => {
    const { answer, handle } = open()
    const total_bytes = Buffer.byteLength(text)
    expect(await answer('get_output', { handle, offset: 1e9 })).toEqual({ text: '', total_bytes })
  })

  test('another caller, and one that may no longer make the call, get nothing', async () => {
    const { ask, handle } = open()
    const asked = (caller: typeof alice) => ask('get_output', { handle }, { caller })
    await expect(asked({ id: 'token:bob', scopes: capabilities })).rejects.toMatchObject({ code: 'not_found' })
    await expect(asked({ id: alice.id, scopes: ['gateway:read'] })).rejects.toMatchObject({ code: 'denied' })
  })
})

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parsePorts } from '../../src/formats/ports.ts'

const printed = (lines: string): string => `\x1eprogram\nnc\n\x1eclock\nfine\n\x1eports\n${lines}`

describe('what the test of ports prints', () => {
  test.each([
    ['22 open 1463 ', 'open', 1.5],
    ['1 failed 171 Connection refused', 'closed', 0.2],
    ['2 failed 3000000 timed out', 'filtered', undefined],
    ['2 failed 3000000 Operation now in progress', 'filtered', undefined],
    ['2 failed - timed out', 'filtered', undefined],
    ['2 failed 900 No route to host', 'filtered', undefined],
    ['2 failed 900 invalid port', 'failed', undefined],
  ])('%j means %s', (line, state, latencyMs) => {
    expect(parsePorts(printed(`${line}\n`))?.ports).toMatchObject([{ state, latencyMs }])
  })

  test('says why no answer came where the network told', () => {
    expect(parsePorts(printed('2 failed 900 No route to host\n'))?.ports[0]?.said).toBe('No route to host')
  })

  test('is never a row unless it is one of ours', () => {
    expect(parsePorts(printed('x open 1\n22 shut 1\n22\n'))?.ports).toEqual([])
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const { port } of parsePorts(printed(text))?.ports ?? []) expect(port).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  test('without a program has none', () => {
    expect(parsePorts('\x1eprogram\n\n')).toEqual({ program: '', isCoarse: false, ports: [] })
    expect(parsePorts('')).toBeUndefined()
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import traceroute from '../../src/tools/traceroute.ts'
import { canMakeNamespaces, makeRow } from '../support/namespaces.ts'
import { type Place, probeContext, userland } from '../support/probe-context.ts'

const ask = async (input: Record<string, unknown>, place: Place = {}) =>
  traceroute.output.parse(await traceroute.run(traceroute.input.parse(input), probeContext(place)))

const programs = [
  ['traceroute', ['traceroute', 'timeout'], undefined],
  ['tracepath', ['tracepath', 'timeout'], undefined],
  ['busybox traceroute', ['traceroute', 'timeout'], '/usr/bin/busybox'],
] as const

describe('traceroute', () => {
  test.each([{ max_hops: 0 }, { max_hops: 31 }, { host: '--help' }])('refuses %j', (input) => {
    expect(traceroute.input.safeParse({ host: 'localhost', ...input }).success).toBe(false)
  })

  test('names what is missing where there is no program', async () => {
    using none = userland([])
    await expect(ask({ host: '127.0.0.1' }, { userland: none })).rejects.toMatchObject({
      code: 'unsupported_target',
      message: 'local has neither traceroute nor tracepath',
    })
  })

  test('traces nothing outside the networks of the target', async () => {
    await expect(ask({ host: '198.51.100.1' })).rejects.toMatchObject({ code: 'denied' })
  })

  test('of BusyBox without the rights for it says what the program said', async () => {
    using busybox = userland(['traceroute'], '/usr/bin/busybox')
    const asking = ask({ host: '127.0.0.1' }, { userland: busybox, withoutRawSockets: true })
    await expect(asking).rejects.toMatchObject({
      code: 'operation_failed',
      message: expect.stringContaining('Operation not permitted'),
    })
  })
})

describe.skipIf(!canMakeNamespaces)('traceroute through two routers', () => {
  let row: ReturnType<typeof makeRow>
  beforeAll(() => {
    row = makeRow()
  })
  afterAll(() => row[Symbol.dispose]())

  test.each(programs)(
    'names every hop by %s',
    async (program, names, from) => {
      using tools = userland(names, from)
      const answer = await ask({ host: '10.9.3.2' }, { userland: tools, netns: row.first.name })
      expect(answer).toMatchObject({ address: '10.9.3.2', reached: true, program })
      expect(answer.hops.map(({ hop, address }) => [hop, address])).toEqual([
        [1, '10.9.1.2'],
        [2, '10.9.2.2'],
        [3, '10.9.3.2'],
      ])
      for (const { ms } of answer.hops) expect(ms).toMatch(/^[\d.]+( [\d.]+)*$/)
    },
    30_000,
  )

  test.each(programs)(
    'is not there yet when the hops run out, by %s',
    async (program, names, from) => {
      using tools = userland(names, from)
      const answer = await ask({ host: '10.9.3.2', max_hops: 2 }, { userland: tools, netns: row.first.name })
      expect(answer).toMatchObject({ reached: false, program })
      expect(answer.hops.map(({ address }) => address)).toEqual(['10.9.1.2', '10.9.2.2'])
      expect(answer.note).toBeUndefined()
    },
    30_000,
  )

  test.each(programs)(
    'keeps * for a router that says nothing, by %s',
    async (_, names, from) => {
      using tools = userland(names, from)
      const silence = ['OUTPUT', '-p', 'icmp', '--icmp-type', 'time-exceeded', '-j', 'DROP']
      row.router.run('iptables', '-A', ...silence)
      try {
        const answer = await ask({ host: '10.9.3.2' }, { userland: tools, netns: row.first.name })
        expect(answer.reached).toBe(true)
        expect(answer.hops[0]).toMatchObject({ hop: 1, address: '*', ms: expect.stringMatching(/^\*( \*)*$/) })
        expect(answer.hops.at(-1)?.address).toBe('10.9.3.2')
      } finally {
        row.router.run('iptables', '-D', ...silence)
      }
    },
    30_000,
  )
})

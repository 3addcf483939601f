import { describe, expect, test } from 'bun:test'
import { parseRoute } from '../../src/formats/traceroute.ts'

const printed = (program: string, text: string): string => `\x1eprogram\n${program}\n\x1eroute\n${text}`

describe('what traces print', () => {
  test('is read from traceroute 2.1, with lost probes and several ways', () => {
    const text = `traceroute to 10.9.3.2 (10.9.3.2), 15 hops max, 60 byte packets
 1  * * *
 2  10.9.2.2  0.126 ms 10.9.2.3  0.018 ms  0.015 ms
 7  * 10.9.3.2  0.078 ms !X *
`
    expect(parseRoute(printed('traceroute', text))).toEqual({
      program: 'traceroute',
      hops: [
        { hop: 1, address: '*', ms: '* * *', mark: '' },
        { hop: 2, address: '10.9.2.2 10.9.2.3', ms: '0.13 0.02 0.02', mark: '' },
        { hop: 7, address: '10.9.3.2', ms: '* 0.08 *', mark: '!X' },
      ],
      said: '',
    })
  })

  test('is read from BusyBox 1.35', () => {
    const text = 'traceroute to ::1 (::1), 30 hops max, 72 byte packets\n 1  *  *\n 2  ::1  0.005 ms  0.003 ms\n'
    expect(parseRoute(printed('busybox traceroute', text))?.hops).toEqual([
      { hop: 1, address: '*', ms: '* *', mark: '' },
      { hop: 2, address: '::1', ms: '0.01 0', mark: '' },
    ])
  })

  test('is read from tracepath of iputils 20221126, a hop written twice as one', () => {
    const text = ` 1?: [LOCALHOST]                      pmtu 1500
 1:  10.9.1.2                                              0.026ms
 1:  10.9.1.2                                              0.013ms
 2:  no reply
 3:  no reply
 3:  10.9.2.2                                            3050.905ms !H
     Resume: pmtu 1500
`
    expect(parseRoute(printed('tracepath', text))).toMatchObject({
      hops: [
        { hop: 1, address: '10.9.1.2', ms: '0.03 0.01', mark: '' },
        { hop: 2, address: '*', ms: '*', mark: '' },
        { hop: 3, address: '10.9.2.2', ms: '* 3050.91', mark: '!H' },
      ],
      said: '',
    })
  })

  test.each([
    ['busybox traceroute', 'traceroute: socket: Operation not permitted'],
    ['traceroute', 'connect: Network is unreachable'],
  ])('of %s without a hop, says why: %s', (program, text) => {
    expect(parseRoute(printed(program, `${text}\n`))).toMatchObject({ hops: [], said: text })
  })

  test('without a program has none', () => {
    expect(parseRoute('\x1eprogram\n')).toEqual({ program: '', hops: [], said: '' })
    expect(parseRoute('1  10.0.0.1')).toBeUndefined()
  })
})

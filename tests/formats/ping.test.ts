import { describe, expect, test } from 'bun:test'
import { parsePing } from '../../src/formats/ping.ts'

const printed = (text: string, code = 0): string => `\x1eprogram\nping\n\x1eping\n${text}\n\x1eend\n${code}\n`

const iputils = `PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.
64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.091 ms
64 bytes from 127.0.0.1: icmp_seq=2 ttl=64 time=0.032 ms

--- 127.0.0.1 ping statistics ---
3 packets transmitted, 2 received, 33.3333% packet loss, time 1036ms
rtt min/avg/max/mdev = 0.032/0.061/0.091/0.029 ms`

const busybox = `PING ::1 (::1): 56 data bytes
64 bytes from ::1: seq=0 ttl=64 time=0.235 ms

--- ::1 ping statistics ---
1 packets transmitted, 1 packets received, 0% packet loss
round-trip min/avg/max = 0.235/0.235/0.235 ms`

describe('what ping prints', () => {
  test('is read from iputils 20221126', () => {
    expect(parsePing(printed(iputils))).toEqual({
      program: 'ping',
      packets: { sent: 3, received: 2 },
      times: { min: 0.032, avg: 0.061, max: 0.091 },
      isForbidden: false,
      said: '',
    })
  })

  test('is read from BusyBox 1.35', () => {
    expect(parsePing(printed(busybox))).toMatchObject({
      packets: { sent: 1, received: 1 },
      times: { min: 0.235, avg: 0.235, max: 0.235 },
    })
  })

  test('keeps the figures that came back when it was ended early', () => {
    const cut = iputils.split('\n\n')[0] ?? ''
    expect(parsePing(printed(cut))).toMatchObject({ packets: undefined, times: { min: 0.032, avg: 0.062, max: 0.091 } })
  })

  test('says which hop could not go on', () => {
    const text = `PING 10.9.3.77 (10.9.3.77) 56(84) bytes of data.
From 10.9.2.2 icmp_seq=1 Destination Host Unreachable

--- 10.9.3.77 ping statistics ---
1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms`
    expect(parsePing(printed(text, 1))).toMatchObject({
      packets: { sent: 1, received: 0 },
      times: undefined,
      said: 'Destination Host Unreachable',
    })
  })

  test.each([
    'PING 127.0.0.1 (127.0.0.1): 56 data bytes\nping: permission denied (are you root?)',
    'ping: socktype: SOCK_RAW\nping: socket: Operation not permitted',
    'ping: Lacking privilege for icmp socket.',
  ])('tells that ICMP is not permitted: %j', (text) => {
    expect(parsePing(printed(text, 2))?.isForbidden).toBe(true)
  })

  test('without a ping has no program', () => {
    expect(parsePing('\x1eprogram\n')).toMatchObject({ program: '', packets: undefined })
    expect(parsePing('hello')).toBeUndefined()
  })
})

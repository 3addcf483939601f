import { describe, expect, test } from 'bun:test'
import { parseDns } from '../../src/formats/dns.ts'

const printed = (program: string, text: string): string => `\x1eprogram\n${program}\n\x1eanswer\n${text}`

describe('what programs for DNS print', () => {
  test('is read from dig 9.18, the chain of names with it', () => {
    const text = `;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 49344
;; flags: qr aa rd ra; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags:; udp: 1232
;; ANSWER SECTION:
www.lab.test.\t\t60\tIN\tCNAME\tweb.lab.test.
web.lab.test.\t\t300\tIN\tAAAA\tfd00::3
`
    expect(parseDns(printed('dig', text))).toMatchObject({
      status: 'NOERROR',
      records: [
        { type: 'CNAME', name: 'www.lab.test', value: 'web.lab.test', ttl: 60 },
        { type: 'AAAA', name: 'web.lab.test', value: 'fd00::3', ttl: 300 },
      ],
    })
  })

  test('is read from drill 1.8, of the answer only', () => {
    const text = `;; ->>HEADER<<- opcode: QUERY, rcode: NOERROR, id: 58800
;; flags: qr aa rd ra ; QUERY: 1, ANSWER: 1, AUTHORITY: 1, ADDITIONAL: 0
;; QUESTION SECTION:
;; lab.test.\tIN\tTXT

;; ANSWER SECTION:
lab.test.\t0\tIN\tTXT\t"v=spf1 -all" "second part"

;; AUTHORITY SECTION:
lab.test.\t0\tIN\tNS\tns.lab.test.
`
    expect(parseDns(printed('drill', text))?.records).toEqual([
      { type: 'TXT', name: 'lab.test', value: '"v=spf1 -all" "second part"', ttl: 0 },
    ])
  })

  test.each([
    ['nslookup', '127.0.0.153#53', '.'],
    ['busybox nslookup', '127.0.0.153:53', ''],
  ])('is read from %s, and its resolver is no record', (program, server, dot) => {
    const head = `Server:\t\t127.0.0.153\nAddress:\t${server}\n\n`
    const read = (lines: string) => parseDns(printed(program, `${head}${lines}\n`))?.records
    expect(read('Name:\tweb.lab.test\nAddress: 10.1.2.3\nName:\tweb.lab.test\nAddress: fd00::3')).toMatchObject([
      { type: 'A', name: 'web.lab.test', value: '10.1.2.3' },
      { type: 'AAAA', name: 'web.lab.test', value: 'fd00::3' },
    ])
    expect(read(`lab.test\tmail exchanger = 10 mail.lab.test${dot}`)).toMatchObject([
      { type: 'MX', name: 'lab.test', value: '10 mail.lab.test' },
    ])
    expect(read(`_sip._tcp.lab.test\tservice = 1 2 5060 sip.lab.test${dot}`)).toMatchObject([
      { type: 'SRV', value: '1 2 5060 sip.lab.test' },
    ])
    expect(read(`lab.test\tnameserver = ns.lab.test${dot}`)).toMatchObject([{ type: 'NS', value: 'ns.lab.test' }])
    expect(read(`3.2.1.10.in-addr.arpa\tname = web.lab.test${dot}`)).toMatchObject([
      { type: 'PTR', value: 'web.lab.test' },
    ])
  })

  test('is read from host 9.18', () => {
    const head = 'Using domain server:\nName: 127.0.0.153\nAddress: 127.0.0.153#53\nAliases: \n\n'
    const text = 'www.lab.test is an alias for web.lab.test.\nweb.lab.test has IPv6 address fd00::3\n'
    expect(parseDns(printed('host', `${head}${text}`))?.records).toMatchObject([
      { type: 'CNAME', name: 'www.lab.test', value: 'web.lab.test' },
      { type: 'AAAA', name: 'web.lab.test', value: 'fd00::3' },
    ])
  })

  test('is read from getent of glibc 2.36, each address once', () => {
    const text = '10.1.2.3        STREAM web.lab.test\n10.1.2.3        DGRAM  \nfd00::3         STREAM \n'
    expect(parseDns(printed('getent', text))?.records).toMatchObject([
      { type: 'A', name: 'web.lab.test', value: '10.1.2.3' },
      { type: 'AAAA', name: 'web.lab.test', value: 'fd00::3' },
    ])
  })

  test.each([
    ['dig', ';; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 9550', 'NXDOMAIN'],
    [
      'dig',
      ';; communications error to 127.0.0.153#53: connection refused\n;; no servers could be reached',
      'no_reply',
    ],
    ['drill', ';; ->>HEADER<<- opcode: QUERY, rcode: REFUSED, id: 50236', 'REFUSED'],
    ['drill', 'Error: error sending query: Could not send or receive, because of network error', 'no_reply'],
    ['nslookup', "** server can't find nope.lab.test: NXDOMAIN", 'NXDOMAIN'],
    ['nslookup', "Non-authoritative answer:\n*** Can't find web.lab.test: No answer", 'NOERROR'],
    ['busybox nslookup', 'Server:\t\t127.0.0.153\nAddress:\t127.0.0.153:53\n\nNon-authoritative answer:\n', 'NOERROR'],
    ['busybox nslookup', ';; connection timed out; no servers could be reached', 'no_reply'],
    ['busybox nslookup', 'BusyBox v1.24.1\n\nUsage: nslookup [HOST] [SERVER]', undefined],
    ['host', 'Host nope.lab.test not found: 3(NXDOMAIN)', 'NXDOMAIN'],
    ['host', 'web.lab.test has no MX record', 'NOERROR'],
    ['getent', '', undefined],
  ])('of %s, %j, means %s', (program, text, status) => {
    expect(parseDns(printed(program, text))).toMatchObject({ status, records: [] })
  })

  test('is not understood without its sections', () => {
    expect(parseDns('10.0.0.1')).toBeUndefined()
  })
})

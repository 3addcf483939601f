import { linesOf, parseSections, plain } from './sections.ts'

/** One record of DNS. */
export interface DnsRecord {
  readonly type: string
  /** Without dot at the end, like names in `value`. */
  readonly name: string
  /** As zone files write it: `10 mail.example.org`, `"v=spf1 -all"`. */
  readonly value: string
  /** Seconds; undefined where the program does not tell. */
  readonly ttl: number | undefined
}

/** What `read/net-dns` printed. */
export interface DnsAnswer {
  /** `dig`, `drill`, `nslookup`, `busybox nslookup`, `host`, `getent` or `none`. */
  readonly program: string
  /** RCODE of the reply (`NOERROR`, `NXDOMAIN`, …), `no_reply` without one, or undefined when the program does not tell. */
  readonly status: string | undefined
  readonly records: readonly DnsRecord[]
  /** The last line that the program printed. */
  readonly said: string
}

/** Reads what `read/net-dns` printed; undefined when it is something else. */
export function parseDns(output: string): DnsAnswer | undefined {
  const sections = parseSections(output)
  const program = sections.get('program')?.trim()
  const text = sections.get('answer')
  if (program === undefined || text === undefined) return undefined
  const records = recordsOf(program, text)
  return {
    program: plain(program),
    status: records.length > 0 ? 'NOERROR' : (statusOf(program, text) ?? endOf(sections.get('end'))),
    records,
    said: plain(linesOf(text).at(-1) ?? '').slice(0, 120),
  }
}

function recordsOf(program: string, text: string): readonly DnsRecord[] {
  if (program === 'dig' || program === 'drill') return zoneRecords(text)
  if (program === 'host') return linesOf(text).flatMap(hostRecord)
  return program === 'getent' ? getentRecords(text) : nslookupRecords(text)
}

/** RFC 8914 and others name more; the programs print these words in their replies. */
function statusOf(program: string, text: string): string | undefined {
  const [, word] =
    /(?:status|rcode): ([A-Z]{4,12})/.exec(text) ??
    /server can't find .*?: ([A-Z]{4,12})/.exec(text) ??
    /not found: \d+\(([A-Z]{4,12})\)/.exec(text) ??
    []
  if (word !== undefined) return word
  if (/no servers could be reached|timed out|could not send or receive|network error|refused|unreachable/i.test(text)) {
    return 'no_reply'
  }
  // Without records of the wanted type: nslookup says "No answer", host "has no A record"; BusyBox prints the resolver only.
  if (/\*\*\* Can't find .*: No answer|has no \S+ record/.test(text)) return 'NOERROR'
  return program === 'busybox nslookup' && /^Server:/m.test(text) && !/\*\*|Usage:/.test(text) ? 'NOERROR' : undefined
}

/** Ended by our own limit (timeout(1) of coreutils, of BusyBox): nobody replied. */
const endOf = (code = ''): string | undefined => (['124', '143'].includes(code.trim()) ? 'no_reply' : undefined)

/** `web.example.org. 300 IN A 192.0.2.1`, of the answer section only. */
function zoneRecords(text: string): readonly DnsRecord[] {
  const answer = text.split(/^;; ANSWER SECTION:$/m)[1]?.split(/^;; /m)[0]
  return linesOf(answer).flatMap((line) => {
    const [, name, ttl, type, value] =
      /^([^;\s]\S*)\s+(\d{1,10})\s+(?:IN|in)\s+([A-Z0-9]{1,12})\s+(.+)$/.exec(line) ?? []
    return name === undefined ? [] : [record(type, name, value, Number(ttl))]
  })
}

const nslookupWords: Readonly<Record<string, string>> = {
  'mail exchanger': 'MX',
  'canonical name': 'CNAME',
  nameserver: 'NS',
  name: 'PTR',
  text: 'TXT',
  service: 'SRV',
}

/** nslookup of BIND and of BusyBox; before the first blank line stands the resolver. */
function nslookupRecords(text: string): readonly DnsRecord[] {
  let name = ''
  return linesOf(text.replace(/^[\s\S]*?^Server:.*\n(Address:.*\n)*/m, '')).flatMap((line) => {
    name = /^Name:\s+(\S+)/.exec(line)?.[1] ?? name
    const address = /^Address(?: \d+)?:\s+(\S+)/.exec(line)?.[1]
    if (address !== undefined && name !== '') return [record(addressType(address), name, address)]
    const [, owner = '', word = '', value] = /^(\S+)\s+([a-z ]+?) = (.+)$/.exec(line) ?? []
    const type = nslookupWords[word]
    return type === undefined ? [] : [record(type, owner, value)]
  })
}

const hostWords: Readonly<Record<string, string>> = {
  'has address': 'A',
  'has IPv6 address': 'AAAA',
  'mail is handled by': 'MX',
  'is an alias for': 'CNAME',
  'name server': 'NS',
  'domain name pointer': 'PTR',
  'descriptive text': 'TXT',
  'has SRV record': 'SRV',
}

function hostRecord(line: string): readonly DnsRecord[] {
  const [, name = '', rest = ''] = /^(\S+) (.+)$/.exec(line) ?? []
  const phrase = Object.keys(hostWords).find((words) => rest.startsWith(`${words} `))
  return phrase === undefined ? [] : [record(hostWords[phrase], name, rest.slice(phrase.length + 1))]
}

/** `192.0.2.1       STREAM web.example.org` */
function getentRecords(text: string): readonly DnsRecord[] {
  let name = ''
  const seen = new Set<string>()
  return linesOf(text).flatMap((line) => {
    const [address = '', , canonical] = line.trim().split(/\s+/)
    name = canonical ?? name
    if (seen.has(address) || !/^[0-9a-f.:]+$/i.test(address)) return []
    seen.add(address)
    return [record(addressType(address), name, address)]
  })
}

const addressType = (address: string): string => (address.includes(':') ? 'AAAA' : 'A')

function record(type = '', name = '', value = '', ttl?: number): DnsRecord {
  const isText = type === 'TXT'
  return { type, name: undotted(plain(name)), value: isText ? plain(value) : undotted(plain(value)), ttl }
}

const undotted = (name: string): string => (name.length > 1 ? name.replace(/\.$/, '') : name)

import { ipv4FromHex, ipv6FromWords } from './address.ts'
import { linesOf, parseFiles, parseSections, plain, wholeNumber } from './sections.ts'

/** One socket of TCP or UDP. */
export interface Connection {
  readonly proto: string
  /** `listening`, `established`, …; an unconnected UDP socket is `bound`. */
  readonly state: string
  /** `192.0.2.2:22`, `[::]:443` */
  readonly local: string
  /** Empty for a listener. */
  readonly remote: string
  /** `nginx(812)`, `nginx(812) +3` when more processes hold it; empty when it is not visible. */
  readonly process: string
}

/** The sockets of a machine; the rows of a crowded state may be fewer than its count. */
export interface Connections {
  readonly rows: readonly Connection[]
  /** By state, over all sockets. */
  readonly counts: ReadonlyMap<string, number>
  /** Sockets of `rows` that belong to a process which is not visible. */
  readonly hidden: ReadonlySet<Connection>
  /** Whether we look as root. */
  readonly asRoot: boolean
}

/** States of include/net/tcp_states.h. */
const states: Readonly<Record<string, string>> = {
  '01': 'established',
  '02': 'syn_sent',
  '03': 'syn_recv',
  '04': 'fin_wait1',
  '05': 'fin_wait2',
  '06': 'time_wait',
  '07': 'close',
  '08': 'close_wait',
  '09': 'last_ack',
  '0A': 'listening',
  '0B': 'closing',
  '0C': 'syn_recv',
}
const order = ['listening', 'bound', 'established']

/** Reads what `read/connections` printed; undefined when no table of sockets could be read. */
export function parseConnections(output: string): Connections | undefined {
  const sections = parseSections(output)
  const lines = linesOf(sections.get('sockets')).map((line) => line.trim().split(' '))
  if (!lines.some(([kind]) => kind === 'read')) return undefined
  const counts = new Map<string, number>()
  for (const [kind, proto = '', state = '', count] of lines) {
    if (kind !== 'count') continue
    const name = stateOf(proto, state)
    counts.set(name, (counts.get(name) ?? 0) + (wholeNumber(count) ?? 0))
  }
  const holders = holdersOf(sections)
  const hidden = new Set<Connection>()
  const rows = lines.flatMap(([kind, proto = '', local = '', remote = '', state = '', inode = '0']) => {
    if (kind !== 'row') return []
    const connection = connectionOf({ proto, local, remote, state, process: holders.get(inode) ?? '' })
    if (connection === undefined) return []
    if (connection.process === '' && inode !== '0') hidden.add(connection)
    return [connection]
  })
  return { rows: rows.toSorted(byState), counts, hidden, asRoot: sections.get('user')?.trim() === '0' }
}

function connectionOf({ proto, local, remote, state, process }: Connection): Connection | undefined {
  const [from, to] = [endpoint(local), endpoint(remote)]
  if (from === undefined || to === undefined) return undefined
  const name = stateOf(proto, state)
  const far = name === 'listening' || name === 'bound' ? '' : to
  return { proto: plain(proto), state: name, local: from, remote: far, process }
}

const stateOf = (proto: string, state: string): string =>
  proto.startsWith('udp') && state === '07' ? 'bound' : (states[state] ?? 'other')

/** `0100007F:0016` → `127.0.0.1:22` */
function endpoint(text: string): string | undefined {
  const [, hex = '', port = ''] = /^([0-9A-F]+):([0-9A-F]{4})$/i.exec(text) ?? []
  const address = hex.length === 8 ? ipv4FromHex(hex) : ipv6FromWords(hex)
  if (address === undefined) return undefined
  return `${address.includes(':') ? `[${address}]` : address}:${Number.parseInt(port, 16)}`
}

function byState(a: Connection, b: Connection): number {
  const rank = ({ state }: Connection) => (order.includes(state) ? order.indexOf(state) : order.length)
  return rank(a) - rank(b)
}

/** Inode of a socket → `nginx(812) +3`. `p812` begins a process, bare numbers are its sockets. */
function holdersOf(sections: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const names = parseFiles(sections.get('names'))
  const pids = new Map<string, Set<string>>()
  let pid = ''
  for (const line of linesOf(sections.get('holders'))) {
    if (/^p\d+$/.test(line)) pid = line.slice(1)
    else if (/^\d+$/.test(line) && pid !== '') pids.set(line, (pids.get(line) ?? new Set()).add(pid))
  }
  return new Map(
    [...pids].map(([inode, held]) => {
      const [first = ''] = held
      const name = plain(names.get(`/proc/${first}/comm`) ?? '?').slice(0, 32)
      return [inode, `${name}(${first})${held.size > 1 ? ` +${held.size - 1}` : ''}`] as const
    }),
  )
}

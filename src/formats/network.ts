import { ipv4FromHex, ipv6FromHex } from './address.ts'
import { addressesByInterface } from './addresses.ts'
import { withoutEmpty, withoutEmptyColumns } from './rows.ts'
import { linesOf, parseFiles, parseSections, plain, wholeNumber } from './sections.ts'

/** One network interface; empty text where it has none. */
export interface NetworkInterface {
  readonly name: string
  /** `up`, `down` (switched off), `no carrier`, or the kernel's own word. */
  readonly state: string
  readonly mtu?: number | '' | undefined
  readonly speed_mbps?: number | '' | undefined
  /** `192.0.2.2/24 fd00::2/64` */
  readonly addresses?: string | undefined
}

/** How a machine is connected. */
export interface NetworkStatus {
  readonly interfaces: NetworkInterface[]
  /** `192.0.2.1 dev eth0` */
  readonly default_route_v4?: string | undefined
  readonly default_route_v6?: string | undefined
  /** Name servers, joined by blanks. */
  readonly dns?: string | undefined
  readonly search?: string | undefined
  readonly not_measured?: string | undefined
}

type Sections = ReadonlyMap<string, string>

/** Reads what `read/network-status` printed; undefined when it names no interface. */
export function parseNetworkStatus(output: string): NetworkStatus | undefined {
  const sections = parseSections(output)
  const links = linksOf(sections)
  if (links.size === 0) return undefined
  const addresses = addressesByInterface(sections)
  const rows = [...links].map(
    ([name, link]): NetworkInterface => ({
      name: plain(name),
      state: stateOf(link),
      mtu: wholeNumber(link.get('mtu')) ?? '',
      // -1 and 0 are what virtual links say who have no speed.
      speed_mbps: wholeNumber(link.get('speed')) || '',
      addresses: (addresses.get(name) ?? []).join(' '),
    }),
  )
  const bare = [...links.values()].every((link) => link.size === 0)
  return withoutEmpty({
    interfaces: withoutEmptyColumns(rows),
    default_route_v4: defaultV4(sections.get('route')),
    default_route_v6: defaultV6(sections.get('ipv6_route')),
    ...nameServers(sections),
    not_measured: bare ? 'state, mtu and speed (no /sys)' : '',
  })
}

/** What /sys/class/net says of each interface; without /sys only the names of /proc/net/dev. */
function linksOf(sections: Sections): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const links = new Map<string, Map<string, string>>()
  for (const [path, content] of parseFiles(sections.get('links'))) {
    const [, name, field] = /^\/sys\/class\/net\/([^/]+)\/(\w+)$/.exec(path) ?? []
    if (name === undefined || field === undefined) continue
    const link = links.get(name) ?? new Map<string, string>()
    links.set(name, link.set(field, content.trim()))
  }
  for (const line of linesOf(sections.get('dev')).slice(2)) {
    const name = line.slice(0, Math.max(0, line.lastIndexOf(':'))).trim()
    if (name !== '' && !links.has(name)) links.set(name, new Map())
  }
  return links
}

/** `operstate` of a link that has none (loopback, tunnels) is `unknown`; IFF_UP is 1. */
function stateOf(link: ReadonlyMap<string, string>): string {
  const flags = Number.parseInt(link.get('flags') ?? '', 16)
  const state = plain(link.get('operstate') ?? '')
  if (Number.isNaN(flags)) return state || 'unknown'
  if ((flags & 1) === 0) return 'down'
  if (state === 'down') return 'no carrier'
  return state === 'unknown' || state === '' ? 'up' : state
}

/** Columns of /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask. The smallest metric wins. */
function defaultV4(route: string | undefined): string | undefined {
  const routes = linesOf(route).flatMap((line) => {
    const [dev = '', destination, gateway = '', flags = '', , , metric, mask] = line.split(/\s+/)
    if (destination !== '00000000' || mask !== '00000000' || (Number.parseInt(flags, 16) & 1) === 0) return []
    return [{ dev, gateway: gateway === '00000000' ? '' : ipv4FromHex(gateway), metric: Number(metric) }]
  })
  return shownRoute(routes)
}

/** Columns of /proc/net/ipv6_route: destination, length, source, length, next hop, metric, …, flags, device. RTF_REJECT is 0x200. */
function defaultV6(route: string | undefined): string | undefined {
  const routes = linesOf(route).flatMap((line) => {
    const [destination = '', length, , , hop = '', metric = '', , , flags = '', dev = ''] = line.trim().split(/\s+/)
    if (!/^0{32}$/.test(destination) || length !== '00' || dev === 'lo' || (Number.parseInt(flags, 16) & 0x200) !== 0)
      return []
    return [{ dev, gateway: /^0{32}$/.test(hop) ? '' : ipv6FromHex(hop), metric: Number.parseInt(metric, 16) }]
  })
  return shownRoute(routes)
}

interface Route {
  readonly dev: string
  readonly gateway: string | undefined
  readonly metric: number
}

function shownRoute(routes: readonly Route[]): string | undefined {
  const [best] = routes.toSorted((a, b) => a.metric - b.metric)
  if (best === undefined || best.gateway === undefined) return undefined
  return `${best.gateway} dev ${plain(best.dev)}`.trim()
}

/** Behind the stub of systemd-resolved stand the servers that it asks. */
function nameServers(sections: Sections): { readonly dns: string; readonly search: string } {
  const servers = (text: string | undefined) =>
    [...(text ?? '').matchAll(/^\s*nameserver\s+([0-9A-Za-z:.%_-]{2,64})/gm)].map(([, server = '']) => server)
  const configured = servers(sections.get('resolv'))
  const asked = servers(sections.get('uplinks'))
  const stub = configured.length > 0 && configured.every((server) => server === '127.0.0.53')
  const search = /^\s*(?:search|domain)\s+(.*)$/m.exec(sections.get('resolv') ?? '')?.[1] ?? ''
  const dns =
    stub && asked.length > 0 ? `${configured.join(' ')} asks ${[...new Set(asked)].join(' ')}` : configured.join(' ')
  return { dns, search: plain(search).slice(0, 200) }
}

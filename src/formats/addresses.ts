import { ipv4FromHex, ipv6FromHex } from './address.ts'
import { linesOf } from './sections.ts'

/**
 * `eth0` → `192.0.2.2/24 fd00::2/64`, from `ip -o addr`; where there is no `ip`, from /proc/net: if_inet6 names its interfaces,
 * the local addresses of fib_trie are given to the interface whose network in /proc/net/route holds them.
 */
export function addressesByInterface(sections: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  const addresses = new Map<string, string[]>()
  const add = (name: string, address: string) => addresses.set(name, [...(addresses.get(name) ?? []), address])
  for (const line of linesOf(sections.get('addresses'))) {
    const found = /^\d+: (\S+?)(?:@\S+)?\s+inet6? ([0-9a-fA-F.:]+(?:\/\d{1,3})?) /.exec(line)
    const peer = / peer [0-9a-fA-F.:]+(\/\d{1,3})/.exec(line)
    if (found?.[1] !== undefined && found[2] !== undefined)
      add(found[1], `${found[2]}${found[2].includes('/') ? '' : (peer?.[1] ?? '')}`)
  }
  if (addresses.size > 0) return addresses
  const networks = networksIn(sections.get('route'))
  for (const address of localAddresses(sections.get('fib_trie'))) {
    const network = networks.find(({ mask, base }) => (toNumber(address) & mask) >>> 0 === base)
    if (network !== undefined) add(network.name, `${address}/${network.length}`)
    else add(address.startsWith('127.') ? 'lo' : '?', address)
  }
  for (const line of linesOf(sections.get('if_inet6'))) {
    const [hex = '', , length = '', , , name = ''] = line.trim().split(/\s+/)
    const address = ipv6FromHex(hex)
    if (address !== undefined && name !== '') add(name, `${address}/${Number.parseInt(length, 16)}`)
  }
  return addresses
}

/** In fib_trie an address stands on the line before its `/32 host LOCAL`; it is listed once a table. */
function localAddresses(trie: string | undefined): readonly string[] {
  const found = (trie ?? '').matchAll(/\|-- (\d{1,3}(?:\.\d{1,3}){3})\n\s+\/32 host LOCAL/g)
  return [...new Set([...found].map(([, address = '']) => address))]
}

function networksIn(route: string | undefined) {
  return linesOf(route).flatMap((line) => {
    const [name = '', destination = '', , , , , , mask = ''] = line.split(/\s+/)
    const [base, bits] = [ipv4FromHex(destination), ipv4FromHex(mask)]
    if (base === undefined || bits === undefined || bits === '0.0.0.0') return []
    const length = toNumber(bits).toString(2).replace(/0/g, '').length
    return [{ name, base: toNumber(base), mask: toNumber(bits), length }]
  })
}

const toNumber = (address: string): number =>
  address.split('.').reduce((sum, part) => ((sum << 8) | (Number(part) & 255)) >>> 0, 0)

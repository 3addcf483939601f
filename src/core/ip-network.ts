/** An IP address as a number; `bits` is its length. */
export interface IpAddress {
  readonly bits: 32 | 128
  readonly value: bigint
}

const mappedPrefix = 0xffffn
const nat64Prefix = 0x64_ff9b_0000_0000_0000_0000n

/**
 * Reads an address, with or without zone (`fe80::1%eth0`). One that only wraps an IPv4 address (`::ffff:10.0.0.1`, RFC 4291 §2.5.5.2)
 * is that IPv4 address, so that no spelling slips past a rule. Undefined for anything else, `127.1` and `010.0.0.1` among it.
 */
export function parseAddress(text: string): IpAddress | undefined {
  const v4 = ipv4Value(text)
  if (v4 !== undefined) return { bits: 32, value: v4 }
  const value = ipv6Value(text.replace(/%[\w.-]{1,15}$/, ''))
  if (value === undefined) return undefined
  return value >> 32n === mappedPrefix ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value }
}

/** Whether an address lies in a network written as `10.0.0.0/8`; bits beyond the prefix do not matter. */
export function isWithin(address: IpAddress, network: string): boolean {
  const [text = '', length = ''] = network.split('/')
  const base = parseAddress(text)
  if (base?.bits !== address.bits || !/^\d{1,3}$/.test(length)) return false
  const wrapped = address.bits === 32 && text.includes(':') ? 96 : 0
  const prefix = Number(length) - wrapped
  if (prefix < 0 || prefix > address.bits) return false
  const shift = BigInt(address.bits - prefix)
  return base.value >> shift === address.value >> shift
}

/** The IPv4 address that a translator would reach behind this one (64:ff9b::/96, RFC 6052), or undefined. */
export function behindNat64({ bits, value }: IpAddress): IpAddress | undefined {
  return bits === 128 && value >> 32n === nat64Prefix ? { bits: 32, value: value & 0xffffffffn } : undefined
}

/** Whether two spellings name one address. */
export function isSameAddress(one: string, other: string): boolean {
  const [a, b] = [parseAddress(one), parseAddress(other)]
  return a !== undefined && a.bits === b?.bits && a.value === b.value
}

function ipv4Value(text: string): bigint | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined
  const bytes = text.split('.').map(Number)
  return bytes.every((byte) => byte < 256) ? fold(bytes, 8n) : undefined
}

function ipv6Value(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = [groupsOf(halves[0] ?? '', halves.length === 1), groupsOf(halves[1] ?? '', true)]
  if (head === undefined || tail === undefined) return undefined
  const left = 8 - head.length - tail.length
  if (halves.length === 1 ? left !== 0 : left < 1) return undefined
  return fold([...head, ...Array.from({ length: left }, () => 0), ...tail], 16n)
}

/** Groups of 16 bits; only the last part of an address may be written as IPv4. */
function groupsOf(text: string, isLast: boolean): readonly number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const v4 = isLast ? ipv4Value(parts.at(-1) ?? '') : undefined
  const words = v4 === undefined ? parts : parts.slice(0, -1)
  if (!words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return undefined
  const groups = words.map((word) => Number.parseInt(word, 16))
  return v4 === undefined ? groups : [...groups, Number(v4 >> 16n), Number(v4 & 0xffffn)]
}

const fold = (parts: readonly number[], bits: bigint): bigint =>
  parts.reduce((sum, part) => (sum << bits) | BigInt(part), 0n)

/** The name under which DNS keeps the names of an address (RFC 1035 §3.5, RFC 3596 §2.5): `1.0.0.10.in-addr.arpa`. */
export function reverseName({ bits, value }: IpAddress): string {
  const [width, radix, zone] = bits === 32 ? ([8n, 10, 'in-addr.arpa'] as const) : ([4n, 16, 'ip6.arpa'] as const)
  const parts = Array.from({ length: Number(BigInt(bits) / width) }, (_, at) =>
    ((value >> (BigInt(at) * width)) & ((1n << width) - 1n)).toString(radix),
  )
  return [...parts, zone].join('.')
}

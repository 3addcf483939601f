/** An IPv4 address of the kernel's hexadecimal, in host order of a little-endian machine: `0100007F` → `127.0.0.1`. */
export function ipv4FromHex(hex: string): string | undefined {
  if (!/^[0-9a-f]{8}$/i.test(hex)) return undefined
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.')
}

/** An IPv6 address of 32 digits in network order, shortened as RFC 5952 says; one that maps IPv4 is written as that. */
export function ipv6FromHex(hex: string): string | undefined {
  if (!/^[0-9a-f]{32}$/i.test(hex)) return undefined
  const groups = Array.from({ length: 8 }, (_, at) => Number.parseInt(hex.slice(4 * at, 4 * at + 4), 16))
  if (/^0{20}ffff/i.test(hex)) {
    return [24, 26, 28, 30].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.')
  }
  return shortened(groups)
}

/** As in /proc/net/tcp6: four words, each in host order of a little-endian machine. */
export function ipv6FromWords(hex: string): string | undefined {
  if (!/^[0-9a-f]{32}$/i.test(hex)) return undefined
  const words = [0, 8, 16, 24].map((at) => hex.slice(at, at + 8))
  return ipv6FromHex(words.map((word) => [6, 4, 2, 0].map((at) => word.slice(at, at + 2)).join('')).join(''))
}

/** The longest run of at least two zero groups becomes `::`, the first one of equals. */
function shortened(groups: readonly number[]): string {
  let best = { start: 0, length: 1 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  const text = groups.map((group) => group.toString(16))
  if (best.length < 2) return text.join(':')
  return `${text.slice(0, best.start).join(':')}::${text.slice(best.start + best.length).join(':')}`
}

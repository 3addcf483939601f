/** One port of a container as the engine lists it. */
export interface ListedPort {
  readonly IP?: string | undefined
  readonly PrivatePort: number
  readonly PublicPort?: number | undefined
  readonly Type: string
}

/** Ports in sequence that are published alike. */
interface Range {
  readonly ip: string
  readonly type: string
  readonly from: number
  readonly public: number | undefined
  length: number
}

/** `8080->80 9000-9009->9000-9009/udp 127.0.0.1:5432->5432 9100`: published on every address without one, tcp without saying. */
export function portsText(ports: readonly ListedPort[]): string {
  const ranges: Range[] = []
  for (const port of sorted(ports)) {
    const ip = anyAddress.has(port.IP ?? '') ? '' : (port.IP ?? '')
    const last = ranges.findLast((range) => range.ip === ip && range.type === port.Type && isNext(range, port))
    if (last === undefined)
      ranges.push({ ip, type: port.Type, from: port.PrivatePort, public: port.PublicPort, length: 1 })
    else last.length = Math.max(last.length, port.PrivatePort - last.from + 1)
  }
  return ranges.map(rangeText).join(' ')
}

const anyAddress = new Set(['', '0.0.0.0', '::'])

const sorted = (ports: readonly ListedPort[]): readonly ListedPort[] =>
  [...ports].sort((a, b) => a.PrivatePort - b.PrivatePort || (a.PublicPort ?? 0) - (b.PublicPort ?? 0))

/** Whether a port stands in the range already, as `::` does beside `0.0.0.0`, or right after it. */
function isNext(range: Range, { PrivatePort, PublicPort }: ListedPort): boolean {
  const at = PrivatePort - range.from
  if (at > range.length || (PublicPort === undefined) !== (range.public === undefined)) return false
  return range.public === undefined || PublicPort === range.public + at
}

function rangeText({ ip, type, from, public: first, length }: Range): string {
  const span = (start: number) => (length === 1 ? `${start}` : `${start}-${start + length - 1}`)
  const host = ip.includes(':') ? `[${ip}]` : ip
  const published = first === undefined ? '' : `${host === '' ? '' : `${host}:`}${span(first)}->`
  return `${published}${span(from)}${type === 'tcp' ? '' : `/${type}`}`
}

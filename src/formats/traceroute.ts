import { linesOf, parseSections, plain } from './sections.ts'

/** One hop: who answered, and the times of the probes as printed. */
export interface Hop {
  readonly hop: number
  /** `*` when nobody answered; several when the packets took different ways: `10.0.0.1 10.0.0.2`. */
  readonly address: string
  /** Milliseconds in order of the probes, `*` for a lost one: `0.12 * 0.15`. */
  readonly ms: string
  /** `!H`, `!N`, `!X` … as traceroute(8) explains them. */
  readonly mark: string
}

/** What `read/net-route` printed. */
export interface Route {
  /** Empty when the target has neither traceroute nor tracepath. */
  readonly program: string
  readonly hops: readonly Hop[]
  /** What the program complained of, when there are no hops. */
  readonly said: string
}

/** Reads what `read/net-route` printed: traceroute 2.1, of BusyBox, and tracepath of iputils. Undefined when it is something else. */
export function parseRoute(output: string): Route | undefined {
  const sections = parseSections(output)
  const program = sections.get('program')?.trim()
  if (program === undefined) return undefined
  const text = sections.get('route') ?? ''
  const hops = program === 'tracepath' ? pathHops(text) : linesOf(text).flatMap(routeHop)
  const complaint = linesOf(text).findLast((line) => !/^ *\d+[:? ]|^ +(Resume|Too many)|^traceroute to /.test(line))
  return { program: plain(program), hops, said: plain(complaint ?? '').slice(0, 120) }
}

/** ` 7  * 10.9.3.2  0.078 ms !H *` */
function routeHop(line: string): readonly Hop[] {
  const [, hop, rest = ''] = /^ *(\d{1,3}) {1,2}(\S.*)$/.exec(line) ?? []
  if (hop === undefined) return []
  const addresses = new Set<string>()
  const times: string[] = []
  const marks = new Set<string>()
  const words = rest.trim().split(/\s+/)
  for (const [at, word] of words.entries()) {
    if (word === '*') times.push('*')
    else if (word.startsWith('!')) marks.add(word)
    else if (words[at + 1] === 'ms') times.push(shorter(word))
    else if (/^[0-9a-f.:]+(%[\w.-]+)?$/i.test(word)) addresses.add(word)
  }
  const address = addresses.size === 0 ? '*' : [...addresses].join(' ')
  return [{ hop: Number(hop), address, ms: times.join(' '), mark: plain([...marks].join(' ')) }]
}

/** ` 2:  10.9.2.2   0.014ms asymm 3`, ` 1:  no reply`; a hop written twice is one with two times. */
function pathHops(text: string): readonly Hop[] {
  const hops = new Map<number, Hop>()
  for (const line of linesOf(text)) {
    const [, number, who = '', time, rest = ''] =
      /^ *(\d{1,3}): {1,3}(no reply|[0-9a-f.:]+(?:%[\w.-]+)?)(?: +([\d.]+)ms)?(.*)$/i.exec(line) ?? []
    if (number === undefined) continue
    const hop = Number(number)
    const before = hops.get(hop)
    const one = { address: who === 'no reply' ? '*' : who, ms: time === undefined ? '*' : shorter(time) }
    const mark = /![A-Z]\d*/.exec(rest)?.[0] ?? ''
    const address = before === undefined || before.address === '*' ? one.address : before.address
    hops.set(hop, {
      hop,
      address: one.address === '*' || one.address === address ? address : `${address} ${one.address}`,
      ms: before === undefined ? one.ms : `${before.ms} ${one.ms}`,
      mark: mark || (before?.mark ?? ''),
    })
  }
  return [...hops.values()]
}

const shorter = (ms: string): string => (Number.isFinite(Number(ms)) ? String(Math.round(Number(ms) * 100) / 100) : '*')

import { linesOf, parseSections, plain, rounded, wholeNumber } from './sections.ts'

/** One connection attempt. */
export interface PortState {
  readonly port: number
  /** `closed`: refused by the machine; `filtered`: no answer, or refused on the way. */
  readonly state: 'open' | 'closed' | 'filtered' | 'failed'
  /** Time of the TCP handshake, with that of starting the program unless it is bash; undefined where nothing answered. */
  readonly latencyMs: number | undefined
  /** What the program said, where the state does not say it. */
  readonly said: string
}

/** What `read/net-ports` printed. */
export interface Ports {
  /** Empty when there is no program to connect with. */
  readonly program: string
  /** The clock of the target has steps of 10 ms. */
  readonly isCoarse: boolean
  readonly ports: readonly PortState[]
}

/** Reads what `read/net-ports` printed; undefined when it is something else. */
export function parsePorts(output: string): Ports | undefined {
  const sections = parseSections(output)
  const program = sections.get('program')?.trim()
  if (program === undefined) return undefined
  return {
    program: plain(program),
    isCoarse: sections.get('clock')?.trim() === 'coarse',
    ports: linesOf(sections.get('ports')).flatMap(portOf),
  }
}

function portOf(line: string): readonly PortState[] {
  const [, port, word, micros, rest = ''] = /^(\d{1,5}) (open|failed) (\d+|-) ?(.*)$/.exec(line) ?? []
  if (port === undefined || word === undefined) return []
  const state = word === 'open' ? 'open' : failureOf(rest)
  const time = wholeNumber(micros)
  const isAnswered = state === 'open' || state === 'closed'
  return [
    {
      port: Number(port),
      state,
      latencyMs: isAnswered && time !== undefined ? rounded(time / 1000, 1) : undefined,
      said: state === 'failed' || /route|unreachable|prohibited|denied/i.test(rest) ? plain(rest) : '',
    },
  ]
}

/** Words of strerror(3), the same in glibc and musl but for "Operation timed out". */
function failureOf(said: string): PortState['state'] {
  if (/refused/i.test(said)) return 'closed'
  if (/timed out|timeout|in progress|no route to host|unreachable|prohibited|permission denied/i.test(said))
    return 'filtered'
  return 'failed'
}

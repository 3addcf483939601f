import { linesOf, parseSections, plain, rounded } from './sections.ts'
import { secondsOf } from './uptime.ts'

/** What one interface has moved since it came up, and how fast between two samples. */
export interface InterfaceCounters {
  readonly name: string
  readonly rx_mbit_s?: number | undefined
  readonly tx_mbit_s?: number | undefined
  readonly rx_bytes: number
  readonly tx_bytes: number
  readonly rx_packets: number
  readonly tx_packets: number
  readonly rx_errs: number
  readonly tx_errs: number
  readonly rx_drops: number
  readonly tx_drops: number
}

/** Counters of all interfaces. */
export interface NetworkCounters {
  readonly rows: readonly InterfaceCounters[]
  readonly sampleMs: number
}

/** Reads what `read/network-counters` printed; undefined when no interface is in it. */
export function parseNetworkCounters(output: string): NetworkCounters | undefined {
  const sections = parseSections(output)
  const [before, after] = [countersIn(sections.get('dev_1')), countersIn(sections.get('dev_2'))]
  const ended = secondsOf(sections.get('uptime_2'))
  if (after.size === 0 || ended === undefined) return undefined
  const seconds = ended - (secondsOf(sections.get('uptime_1')) ?? ended)
  const rows = [...after].map(([name, now]) => {
    const then = before.get(name)
    const rate = (column: number) => {
      if (then === undefined || seconds <= 0) return undefined
      const moved = (now[column] ?? 0) - (then[column] ?? 0)
      // A counter that went back was reset in between.
      return moved < 0 ? undefined : rounded((8 * moved) / seconds / 1e6, 3)
    }
    const at = (column: number) => now[column] ?? 0
    return {
      name: plain(name),
      rx_mbit_s: rate(0),
      tx_mbit_s: rate(8),
      rx_bytes: at(0),
      tx_bytes: at(8),
      rx_packets: at(1),
      tx_packets: at(9),
      rx_errs: at(2),
      tx_errs: at(10),
      rx_drops: at(3),
      tx_drops: at(11),
    }
  })
  return { rows, sampleMs: rounded(seconds * 1000) }
}

/** /proc/net/dev (proc_pid_net(5)): two lines of heading, then `name:` and 8 figures received, 8 sent. */
function countersIn(dev: string | undefined): ReadonlyMap<string, readonly number[]> {
  return new Map(
    linesOf(dev).flatMap((line) => {
      const found = /^\s*(.+):\s*((?:\d+\s+){15}\d+)\s*$/.exec(line)
      return found === null ? [] : [[found[1] ?? '', (found[2] ?? '').split(/\s+/).map(Number)] as const]
    }),
  )
}

import { linesOf, parseSections, plain } from './sections.ts'

/** What `read/net-ping` printed. */
export interface Ping {
  /** Empty when the target has no ping. */
  readonly program: string
  /** Undefined when ping sent nothing. */
  readonly packets: { readonly sent: number; readonly received: number } | undefined
  /** Milliseconds, of the packets that came back. */
  readonly times: { readonly min: number; readonly avg: number; readonly max: number } | undefined
  /** ICMP sockets are refused to this user. */
  readonly isForbidden: boolean
  /** The last complaint of ping, if any. */
  readonly said: string
}

/** Reads what `read/net-ping` printed: ping of iputils, BusyBox and inetutils. Undefined when it is something else. */
export function parsePing(output: string): Ping | undefined {
  const sections = parseSections(output)
  const program = sections.get('program')?.trim()
  if (program === undefined) return undefined
  const text = sections.get('ping') ?? ''
  const [, sent, received] = /(\d{1,6}) packets transmitted, (\d{1,6})/.exec(text) ?? []
  const complaint = linesOf(text).findLast((line) => /^ping6?: /.test(line)) ?? complaintIn(text)
  return {
    program: plain(program),
    packets: sent === undefined ? undefined : { sent: Number(sent), received: Number(received) },
    times: summaryIn(text) ?? timesIn(text),
    isForbidden: sent === undefined && /operation not permitted|permission denied|lacking privilege/i.test(text),
    said: plain(complaint.replace(/^ping6?: /, '')).slice(0, 120),
  }
}

/** `From 10.0.0.1 icmp_seq=1 Destination Host Unreachable` */
const complaintIn = (text: string): string => /^From .*?icmp_seq=\d+ (.*)$/m.exec(text)?.[1] ?? ''

function summaryIn(text: string): Ping['times'] {
  const [, min, avg, max] = /min\/avg\/max\S* = ([\d.]+)\/([\d.]+)\/([\d.]+)/.exec(text) ?? []
  return min === undefined ? undefined : { min: Number(min), avg: Number(avg), max: Number(max) }
}

/** Where the summary lacks them (ping was ended early): from the lines of the packets. */
function timesIn(text: string): Ping['times'] {
  const times = [...text.matchAll(/^\d+ bytes from .* time[=<]([\d.]+) ?ms/gm)].map(([, time]) => Number(time))
  if (times.length === 0) return undefined
  const sum = times.reduce((all, time) => all + time, 0)
  return { min: Math.min(...times), avg: Math.round((1000 * sum) / times.length) / 1000, max: Math.max(...times) }
}

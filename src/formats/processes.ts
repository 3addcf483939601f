import { parseFiles, parseSections, plain, rounded, wholeNumber } from './sections.ts'
import { secondsOf } from './uptime.ts'

/** One process and what it used between two samples. */
export interface ProcessUse {
  readonly pid: number
  /** At most 15 bytes, chosen by the process itself. */
  readonly name: string
  readonly state: string
  /** 100 is one processor. Undefined when no time passed between the samples. */
  readonly cpuPercent: number | undefined
  readonly memoryMib: number
}

/** All processes of a machine. */
export interface Processes {
  readonly all: readonly ProcessUse[]
  readonly sampleMs: number
}

interface Stat {
  readonly name: string
  readonly state: string
  readonly parent: number
  readonly ticks: number
  readonly startedAt: number
  readonly pages: number
}

const states: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'disk wait',
  Z: 'zombie',
  T: 'stopped',
  t: 'traced',
  I: 'idle',
  X: 'dead',
}

/** Reads what `read/processes` printed, without the shell that printed it; undefined when no process is in it. */
export function parseProcesses(output: string): Processes | undefined {
  const sections = parseSections(output)
  const pageSize = wholeNumber(sections.get('page_size')) ?? 4096
  const ticksPerSecond = wholeNumber(sections.get('ticks')) ?? 100
  const [before, after] = [statsOf(sections.get('stat_1')), statsOf(sections.get('stat_2'))]
  const ended = secondsOf(sections.get('uptime_2'))
  if (after.size === 0 || ended === undefined || ticksPerSecond === 0) return undefined
  const seconds = ended - (secondsOf(sections.get('uptime_1')) ?? ended)
  const self = wholeNumber(sections.get('self'))
  const all = [...after].flatMap(([pid, stat]): ProcessUse[] => {
    if (pid === self || stat.parent === self) return []
    const first = before.get(pid)
    const earlier = first?.startedAt === stat.startedAt ? first.ticks : 0
    const used = Math.max(0, stat.ticks - earlier) / ticksPerSecond
    return [
      {
        pid,
        name: stat.name,
        state: states[stat.state] ?? stat.state,
        cpuPercent: seconds > 0 ? rounded((100 * used) / seconds, 1) : undefined,
        memoryMib: rounded((stat.pages * pageSize) / 1024 / 1024, 1),
      },
    ]
  })
  return { all, sampleMs: rounded(seconds * 1000) }
}

/** The processes that use most, of CPU or of memory; the other figure decides between equals. */
export function topProcesses(
  all: readonly ProcessUse[],
  sortBy: 'cpu' | 'memory',
  limit: number,
): readonly ProcessUse[] {
  const cpu = (a: ProcessUse, b: ProcessUse) => (b.cpuPercent ?? 0) - (a.cpuPercent ?? 0)
  const memory = (a: ProcessUse, b: ProcessUse) => b.memoryMib - a.memoryMib
  const [first, second] = sortBy === 'cpu' ? [cpu, memory] : [memory, cpu]
  return all.toSorted((a, b) => first(a, b) || second(a, b) || a.pid - b.pid).slice(0, limit)
}

/** The path names the process: what stands in its line was written by the process itself as far as its name goes. */
function statsOf(text: string | undefined): ReadonlyMap<number, Stat> {
  const stats = new Map<number, Stat>()
  for (const [path, line] of parseFiles(text)) {
    const pid = wholeNumber(/^\/proc\/(\d+)\/stat$/.exec(path)?.[1])
    const stat = statOf(line)
    if (pid !== undefined && stat !== undefined) stats.set(pid, stat)
  }
  return stats
}

/** Fields of proc_pid_stat(5), counted after the name, which may hold anything but ends at the last parenthesis. */
function statOf(line: string): Stat | undefined {
  const [open, close] = [line.indexOf('('), line.lastIndexOf(')')]
  if (open === -1 || close < open) return undefined
  const fields = line.slice(close + 2).split(' ')
  const figure = (field: number) => wholeNumber(fields[field - 3])
  const [parent, user, system, startedAt] = [figure(4), figure(14), figure(15), figure(22)]
  if (parent === undefined || user === undefined || system === undefined || startedAt === undefined) return undefined
  return {
    name: plain(line.slice(open + 1, close)),
    state: plain(fields[0] ?? '').slice(0, 1),
    parent,
    ticks: user + system,
    startedAt,
    pages: figure(24) ?? 0,
  }
}

import type { Incoming, Interference } from '../../../src/demo/interference.ts'
import type { TaskName, TaskPlan } from '../../../src/demo/tasks.ts'

/** Which requests a fault meets; what is left out matches all. */
export interface Where {
  readonly cluster?: string
  readonly node?: string
  readonly method?: string
  readonly path?: RegExp | string
  /** How often it happens; for ever when left out. */
  readonly times?: number
}

/** Something that goes wrong on demand. */
export type Fault =
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'hang'; readonly effect: 'before' | 'after' }
  | { readonly kind: 'reset'; readonly effect: 'before' | 'after' }
  | { readonly kind: 'status'; readonly status: number; readonly reason: string; readonly body?: boolean }
  | { readonly kind: 'half' }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'task fails'; readonly why: string }
  | { readonly kind: 'task ends'; readonly exitstatus: string }
  | { readonly kind: 'task never ends' }

/** Faults by the names that tests use. */
export const faults = {
  slow: (ms: number): Fault => ({ kind: 'slow', ms }),
  hang: (effect: 'before' | 'after' = 'before'): Fault => ({ kind: 'hang', effect }),
  reset: (effect: 'before' | 'after'): Fault => ({ kind: 'reset', effect }),
  unauthorized: (): Fault => ({ kind: 'status', status: 401, reason: 'Authentication failed!', body: false }),
  forbidden: (what = '/, Sys.Audit'): Fault => ({
    kind: 'status',
    status: 403,
    reason: `Permission check failed (${what})`,
  }),
  serverError: (reason = 'got no worker upid - start worker failed', status = 500): Fault => ({
    kind: 'status',
    status,
    reason,
  }),
  refused: (): Fault => ({ kind: 'status', status: 595, reason: 'Connection refused', body: false }),
  timedOut: (): Fault => ({ kind: 'status', status: 596, reason: 'Connection timed out', body: false }),
  /** What pveproxy answers to plain HTTP. */
  redirect: (location = 'https://pve1:8006/'): Fault => ({ kind: 'redirect', location }),
  half: (): Fault => ({ kind: 'half' }),
  taskFails: (why = 'command failed: exit code 1'): Fault => ({ kind: 'task fails', why }),
  /** Its effect happens, and it ends with this word: `WARNINGS: 1`, `unexpected status`. */
  taskEnds: (exitstatus: string): Fault => ({ kind: 'task ends', exitstatus }),
  taskNeverEnds: (): Fault => ({ kind: 'task never ends' }),
} as const

/** The faults that are set, asked for every request and every task. */
export interface FaultBoard {
  /** Sets a fault; the last one set that matches wins. Returns what takes it back. */
  set(fault: Fault, where?: Where): () => void
  clear(): void
  request(incoming: Incoming): Interference | undefined
  task(cluster: string, name: TaskName): Partial<TaskPlan> | undefined
}

interface Posted {
  readonly fault: Fault
  readonly where: Where
  left: number
}

/** An empty board. */
export function faultBoard(): FaultBoard {
  let posted: readonly Posted[] = []
  const take = (incoming: Incoming, ofTasks: boolean) => {
    const found = posted.findLast(
      ({ fault, where, left }) => left > 0 && isOfTask(fault) === ofTasks && matches(where, incoming),
    )
    if (found !== undefined) found.left -= 1
    return found?.fault
  }
  return {
    set(fault, where = {}) {
      const one = { fault, where, left: where.times ?? Number.POSITIVE_INFINITY }
      posted = [...posted, one]
      return () => {
        posted = posted.filter((other) => other !== one)
      }
    },
    clear() {
      posted = []
    },
    request: (incoming) => interference(take(incoming, false)),
    task: (cluster, { node, origin }) => taskChange(take({ cluster, node, ...origin }, true)),
  }
}

const isOfTask = ({ kind }: Fault) => kind.startsWith('task')

const matches = ({ cluster, node, method, path }: Where, incoming: Incoming): boolean =>
  (cluster === undefined || cluster === incoming.cluster) &&
  (node === undefined || node === incoming.node) &&
  (method === undefined || method === incoming.method) &&
  (path === undefined || (typeof path === 'string' ? path === incoming.path : path.test(incoming.path)))

function interference(fault: Fault | undefined): Interference | undefined {
  switch (fault?.kind) {
    case 'slow':
      return { delayMs: fault.ms }
    case 'hang':
      return { hang: fault.effect }
    case 'reset':
      return { reset: fault.effect }
    case 'half':
      return { half: true }
    case 'redirect':
      return { reply: { status: 301, reason: 'Moved Permanently', location: fault.location } }
    case 'status':
      return { reply: replyOf(fault) }
    default:
      return undefined
  }
}

function replyOf({ status, reason, body }: Fault & { readonly kind: 'status' }) {
  if (body === false) return { status, reason, ...(status === 401 && { delayMs: 3000 }) }
  return { status, reason, body: { data: null, message: `${reason}\n` } }
}

function taskChange(fault: Fault | undefined): Partial<TaskPlan> | undefined {
  if (fault?.kind === 'task fails') return { fails: fault.why }
  if (fault?.kind === 'task ends') return { exitstatus: fault.exitstatus }
  return fault?.kind === 'task never ends' ? { never: true } : undefined
}

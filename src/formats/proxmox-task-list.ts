import { z } from 'zod'
import { type TaskRow, taskEnd } from './proxmox-tasks.ts'
import { parseUpid } from './proxmox-upid.ts'

/** `data` of `GET /nodes/{node}/tasks/{upid}/status`. */
export const taskStatusReply = z.object({
  status: z.string(),
  exitstatus: z.string().optional(),
})

/** `data` of `GET /nodes/{node}/tasks/{upid}/log`. */
export const taskLogReply = z.array(z.object({ n: z.coerce.number(), t: z.string() }))

/** Which task is meant: by its UPID, or by the short handle that lists give, which its node can complete. */
export interface TaskHandle {
  readonly node: string
  /** Seconds since 1970. */
  readonly started: number
  readonly upid?: string | undefined
  matches(upid: string): boolean
}

/** Node, pid and start of a UPID: `pve1:34E:6B01100E`. A UPID costs a model 45 tokens, this 12. */
export function shortTask(upid: string): string {
  const [, node, pid = '', , started] = upid.split(':')
  return `${node}:${pid.replace(/^0+/, '')}:${started}`
}

/** Reads a UPID or a short handle; undefined when it is neither. */
export function parseTask(text: string): TaskHandle | undefined {
  const upid = parseUpid(text)
  if (upid !== undefined)
    return { node: upid.node, started: upid.startedAt.getTime() / 1000, upid: text, matches: (other) => other === text }
  const [, node, started] = /^([A-Za-z0-9-]+):[0-9A-F]{1,8}:([0-9A-F]{8})$/.exec(text) ?? []
  if (node === undefined || started === undefined) return undefined
  return { node, started: Number.parseInt(started, 16), matches: (other) => shortTask(other) === text }
}

/** How it stands, short: `running`, `OK`, `OK, 2 warnings`, `unknown: its worker died`, or the error. */
export function taskWord(task: Pick<TaskRow, 'endtime' | 'status'>, most = 120): string {
  const end = taskEnd(task)
  if (end === 'running') return 'running'
  if (end === 'unknown') return 'unknown: its worker ended without a word'
  const { status = '' } = task
  if (end === 'ok') return status === 'OK' ? 'OK' : `OK, ${status.replace(/^WARNINGS: /, '')} warnings`
  const plain = status.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim()
  return `failed: ${plain.length > most ? `${plain.slice(0, most - 1)}…` : plain}`
}

/** Running ones first, then the newest start; each once. */
export function sortedTasks(tasks: readonly TaskRow[]): readonly TaskRow[] {
  const once = new Map<string, TaskRow>()
  for (const task of tasks) if (once.get(task.upid)?.endtime === undefined) once.set(task.upid, task)
  const isRunning = ({ endtime, status }: TaskRow) =>
    Number(endtime === undefined && (status ?? 'RUNNING') === 'RUNNING')
  return [...once.values()].toSorted((a, b) => isRunning(b) - isRunning(a) || b.starttime - a.starttime)
}

/** `12s`, `3m 20s`, `2h 5m`. */
export function lasted(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`
}

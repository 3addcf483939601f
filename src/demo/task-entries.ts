import { type Call, may, seconds } from './method.ts'
import type { Task } from './tasks.ts'

/** Whether the caller may read a task: his own ones, or with Sys.Audit on the node. */
export function isReadable(call: Call, task: Task): boolean {
  return isOwn(call, task) || may(call, `/nodes/${task.node}`, 'Sys.Audit')
}

/** Whether the caller's user began the task; what one token of a user began the others may read only if it is the same token. */
export function isOwn({ caller }: Call, task: Task): boolean {
  return task.user === caller.id || (caller.token === undefined && userOf(task) === caller.user)
}

/** An entry of /cluster/tasks. */
export function clusterTask(task: Task) {
  return {
    ...names(task),
    starttime: seconds(task.startedAt),
    ...ending(task),
    saved: task.exitstatus === undefined ? '0' : '1',
  }
}

/** An entry of a node's list of ended tasks. */
export function archivedTask(task: Task) {
  return { ...names(task), pid: task.pid, pstart: task.pstart, starttime: seconds(task.startedAt), ...ending(task) }
}

/** An entry of a node's list of running tasks. */
export function activeTask(task: Task) {
  const { upid, node, type, id, user, pid, pstart, startedAt } = task
  return { upid, node, type, id, user, pid, pstart, starttime: seconds(startedAt), status: 'RUNNING', saved: '0' }
}

/** The status of one task. */
export function taskStatus(task: Task) {
  const { pid, pstart, startedAt, exitstatus } = task
  const now = exitstatus === undefined ? { status: 'running' } : { status: 'stopped', exitstatus }
  return { ...names(task), pid, pstart, starttime: seconds(startedAt), ...now }
}

/** The lines of a task's log so far; they come evenly over its time. */
export function taskLog(task: Task, now: number): readonly string[] {
  const lines = task.plan.log ?? []
  if (task.exitstatus === 'OK') return [...lines, 'TASK OK']
  if (task.exitstatus?.startsWith('WARNINGS')) return [...lines, `TASK ${task.exitstatus}`]
  const share = (Math.min(now, task.endsAt) - task.startedAt) / Math.max(1, task.endsAt - task.startedAt)
  const written = lines.slice(0, Math.floor(lines.length * share))
  if (task.exitstatus !== undefined) return [...written, `TASK ERROR: ${task.exitstatus}`]
  return written.length === 0 ? ['no content'] : written
}

const ending = ({ endsAt, exitstatus }: Task) =>
  exitstatus === undefined ? {} : { endtime: seconds(endsAt), status: exitstatus }

function names(task: Task) {
  const { upid, node, type, id, user } = task
  const [, tokenid] = user.split('!')
  return { upid, node, type, id, user: userOf(task), tokenid }
}

const userOf = ({ user }: Task): string => user.split('!')[0] ?? user

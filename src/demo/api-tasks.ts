import { ApiError, badParameters } from './api-error.ts'
import { type Call, everybody, integer, isSet, type Method, may, text } from './method.ts'
import { activeTask, archivedTask, isOwn, isReadable, taskLog, taskStatus } from './task-entries.ts'
import type { Task } from './tasks.ts'

/** Tasks of a node. */
export const taskMethods: readonly Method[] = [
  { method: 'GET', path: '/nodes/{node}/tasks', permissions: everybody, proxied: true, answer: list },
  { method: 'GET', path: '/nodes/{node}/tasks/{upid}/status', permissions: everybody, proxied: true, answer: status },
  { method: 'GET', path: '/nodes/{node}/tasks/{upid}/log', permissions: everybody, proxied: true, answer: log },
  { method: 'DELETE', path: '/nodes/{node}/tasks/{upid}', permissions: everybody, proxied: true, answer: stop },
]

function list(call: Call) {
  const node = text(call, 'node')
  const source = text(call, 'source') ?? 'archive'
  const here = call.world.tasks.list().filter((task) => task.node === node && isReadable(call, task))
  const seen = here.filter((task) => isWanted(call, task))
  const running = source === 'archive' ? [] : seen.filter(({ exitstatus }) => exitstatus === undefined)
  const ended = source === 'active' ? [] : seen.filter(({ exitstatus }) => exitstatus !== undefined)
  const entries = [...running.map(activeTask), ...ended.map(archivedTask)]
  const start = integer(call, 'start') ?? 0
  const data = entries.slice(start, start + (integer(call, 'limit') ?? 50))
  return entries.length === 0 ? { data } : { data, total: entries.length }
}

function isWanted(call: Call, { id, type, startedAt, exitstatus, user }: Task): boolean {
  const vmid = text(call, 'vmid')
  const since = integer(call, 'since') ?? 0
  const until = integer(call, 'until') ?? Number.POSITIVE_INFINITY
  const failed = exitstatus !== undefined && exitstatus !== 'OK' && !exitstatus.startsWith('WARNINGS')
  return (
    (vmid === undefined || id === vmid) &&
    (!isSet(call, 'errors') || failed) &&
    type.includes(text(call, 'typefilter') ?? '') &&
    user.includes(text(call, 'userfilter') ?? '') &&
    startedAt / 1000 >= since &&
    Math.floor(startedAt / 1000) <= until
  )
}

const upidForm = /^UPID:([^:]+):[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[^:\s]+:[^:\s]*:[^:\s]+:[^:\s]*$/

/** The task that the path names. @throws ApiError 400 when it is none of this node's, 403 when it is not the caller's to read */
function taskHere(call: Call): Task {
  const upid = text(call, 'upid') ?? ''
  const [, node] = upidForm.exec(upid) ?? []
  if (node === undefined) throw badParameters({ upid: 'unable to parse worker upid' })
  const task = call.world.tasks.find(upid)
  if (task !== undefined && node === text(call, 'node')) return task
  throw badParameters({ upid: 'no such task' })
}

function readable(call: Call): Task {
  const task = taskHere(call)
  if (isReadable(call, task)) return task
  throw new ApiError(403, `Permission check failed (/nodes/${task.node}, Sys.Audit)`)
}

function status(call: Call) {
  return { data: taskStatus(readable(call)) }
}

function log(call: Call) {
  const lines = taskLog(readable(call), call.world.now()).map((t, index) => ({ n: index + 1, t }))
  const start = integer(call, 'start') ?? 0
  return { data: lines.slice(start, start + (integer(call, 'limit') ?? 50)), total: lines.length }
}

function stop(call: Call) {
  const task = taskHere(call)
  if (!isOwn(call, task) && !may(call, `/nodes/${task.node}`, 'Sys.Modify')) {
    throw new ApiError(403, `Permission check failed (/nodes/${task.node}, Sys.Modify)`)
  }
  if (task.exitstatus === undefined) call.world.stopTask(task)
  return { data: null }
}

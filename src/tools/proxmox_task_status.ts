import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { get } from '../core/operation.ts'
import { askProxmox, shown } from '../core/proxmox-ask.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import {
  lasted,
  parseTask,
  type TaskHandle,
  taskLogReply,
  taskStatusReply,
  taskWord,
} from '../formats/proxmox-task-list.ts'
import { tasksReply } from '../formats/proxmox-tasks.ts'
import { parseUpid } from '../formats/proxmox-upid.ts'
import { oneLine } from '../formats/proxmox-volumes.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { parseJson } from '../lib/json.ts'

export default defineTool({
  name: 'proxmox_task_status',
  description: 'How one Proxmox task stands or ended, with the last lines of its log.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'task',
  input: z.object({
    task: z.string().min(1).max(300).describe('UPID, or task of proxmox_list_tasks'),
    lines: z.number().int().min(0).max(500).default(10),
  }),
  output: z.object({
    status: z.string(),
    type: z.string(),
    of: z.string().optional(),
    node: z.string(),
    user: z.string(),
    started: z.string(),
    took: z.string().optional(),
    earlier_lines: z.number().optional(),
    log: z.array(z.string()),
  }),
  async run({ task, lines }, context) {
    const handle = parseTask(task)
    if (handle === undefined)
      throw new GatewayError('invalid_input', `${shown(task)} is no UPID and no task of proxmox_list_tasks`, {
        hint: 'as UPID:pve1:0000034E:0007DE77:6B01100E:vzstart:101:root@pam: or pve1:34E:6B01100E',
      })
    const listed = await entryOf(context, handle)
    const upid = handle.upid ?? listed?.upid
    const known = upid === undefined ? undefined : parseUpid(upid)
    if (upid === undefined || known === undefined) throw noSuchTask(task)
    const path = `/nodes/${encodeURIComponent(handle.node)}/tasks/${encodeURIComponent(upid)}`
    const [{ status, exitstatus }, log] = await Promise.all([
      askProxmox(context, `${path}/status`, taskStatusReply),
      logOf(context, path, lines),
    ]).catch((error: unknown) => {
      throw /no such task/.test(GatewayError.from(error).message) ? noSuchTask(task) : error
    })
    const isRunning = status === 'running'
    const end = isRunning ? context.now.getTime() / 1000 : listed?.endtime
    return withoutEmpty({
      status: taskWord({ endtime: isRunning ? undefined : (listed?.endtime ?? 0), status: exitstatus }, 300),
      type: known.type,
      of: known.id,
      node: handle.node,
      user: known.user,
      started: `${ageOf(known.startedAt, context.now)} ago`,
      took: end === undefined ? undefined : lasted(end - handle.started),
      ...log,
    })
  },
})

const noSuchTask = (task: string): GatewayError =>
  new GatewayError('not_found', `no task ${shown(task)} on its node`, {
    hint: 'nodes forget old tasks; with several clusters name the right one with cluster',
  })

/** The list knows the end, which the status does not tell, and completes a short handle. */
async function entryOf(context: Context, { node, started, matches }: TaskHandle) {
  const query = `source=all&limit=200&since=${started}&until=${started}`
  const all = await askProxmox(context, `/nodes/${encodeURIComponent(node)}/tasks?${query}`, tasksReply)
  return all.find(({ upid }) => matches(upid))
}

const totalReply = z.object({ total: z.coerce.number() })

/** The end of the log: how long it is stands beside the lines of any piece. */
async function logOf(context: Context, path: string, lines: number) {
  if (lines === 0) return { log: [] }
  const first = await context.read(get(`${path}/log?start=0&limit=1`))
  const opening = proxmoxData(first, taskLogReply, 'the log of the task')
  const total = totalReply.safeParse(parseJson(first.output)).data?.total ?? opening.length
  const start = Math.max(0, total - lines)
  const end = await askProxmox(context, `${path}/log?start=${start}&limit=${lines}`, taskLogReply)
  return { earlier_lines: start === 0 ? undefined : start, log: end.map(({ t }) => oneLine(t, 500)) }
}

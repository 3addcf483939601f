import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { askEach, askProxmox, lastPart, nodesToAsk } from '../core/proxmox-ask.ts'
import { guestNamed } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { clusterResources, resourcesReply } from '../formats/proxmox-resources.ts'
import { lasted, shortTask, sortedTasks, taskWord } from '../formats/proxmox-task-list.ts'
import { type TaskRow, taskEnd, tasksReply } from '../formats/proxmox-tasks.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'proxmox_list_tasks',
  description: 'Tasks of Proxmox nodes, running ones first, with who, when and how they ended.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().max(100).optional(),
    node: z.string().max(100).optional(),
    type: z.string().regex(/^\w+$/).max(40).optional().describe('qmstart, vzdump…'),
    failed: z.boolean().default(false),
    since_hours: z.number().min(0.1).max(8760).optional(),
    limit: z.number().int().min(1).max(200).default(25),
    upids: z.boolean().default(false),
  }),
  output: z.object({
    tasks: z.array(
      z.object({
        task: z.string(),
        type: z.string(),
        of: z.string().optional(),
        user: z.string(),
        started: z.string(),
        took: z.string().optional(),
        status: z.string(),
      }),
    ),
    more: z.number().optional().describe('left out, at least'),
    not_read: z.string().optional(),
    note: z.string().optional(),
  }),
  async run(input, context) {
    const { found, notRead } = await tasksOf(input, context)
    const all = sortedTasks(found).filter((task) => !input.failed || taskEnd(task) === 'failed')
    return withoutEmpty({
      tasks: withoutEmptyColumns(all.slice(0, input.limit).map((task) => rowOf(task, input.upids, context.now))),
      more: all.length > input.limit ? all.length - input.limit : undefined,
      not_read: notRead.join('; '),
      note: all.length === 0 ? 'none; without Sys.Audit on /nodes a token sees only tasks that it began' : undefined,
    })
  },
})

const rowOf = (task: TaskRow, upids: boolean, now: Date) => ({
  task: upids ? task.upid : shortTask(task.upid),
  type: task.type,
  of: task.id ?? '',
  user: task.user.includes('!') || task.tokenid === undefined ? task.user : `${task.user}!${task.tokenid}`,
  started: ageOf(new Date(task.starttime * 1000), now),
  took: task.endtime === undefined ? '' : lasted(task.endtime - task.starttime),
  status: taskWord(task),
})

interface Wanted {
  readonly guest?: string | undefined
  readonly node?: string | undefined
  readonly type?: string | undefined
  readonly failed: boolean
  readonly since_hours?: number | undefined
  readonly limit: number
}

/** Each node keeps its own log; one more than shown is asked of each, so that a cut is seen. */
async function tasksOf({ guest, node, type, failed, since_hours, limit }: Wanted, context: Context) {
  const nodes = await nodesToAsk(context, node)
  const query = new URLSearchParams({ source: failed ? 'archive' : 'all', limit: String(limit + 1) })
  if (guest !== undefined) query.set('vmid', String(await vmidOf(context, guest)))
  if (type !== undefined) query.set('typefilter', type)
  if (failed) query.set('errors', '1')
  if (since_hours !== undefined)
    query.set('since', String(Math.floor(context.now.getTime() / 1000 - since_hours * 3600)))
  const asked = await askEach(
    nodes.online,
    (name) => name,
    (name) => askProxmox(context, `/nodes/${encodeURIComponent(name)}/tasks?${query}`, tasksReply),
  )
  return { found: asked.found.flatMap(({ value }) => value), notRead: [...nodes.notRead, ...asked.notRead] }
}

/** A number that a guest can have is taken as it is: tasks outlive their guest. */
async function vmidOf(context: Context, guest: string): Promise<number> {
  const wanted = lastPart(guest)
  if (/^[1-9]\d{2,8}$/.test(wanted)) return Number(wanted)
  const { guests } = clusterResources(await askProxmox(context, '/cluster/resources?type=vm', resourcesReply))
  return guestNamed(guests, guest, context.target.id).vmid
}

import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { containerName, containerNameRule, containersReply, nearestHint } from '../formats/docker-containers.ts'
import { engineMessage } from '../formats/docker-reply.ts'
import { withoutEmpty } from '../formats/rows.ts'

export default defineTool({
  name: 'get_container_logs',
  description: 'The newest log lines of a Docker container, stdout and stderr apart.',
  capability: 'container:read',
  risk: 'read',
  targets: ['docker'],
  input: z.object({
    container: z.string().min(1).max(128).regex(containerName, containerNameRule),
    tail: z.number().int().min(1).max(2000).default(100),
    since: z
      .string()
      .regex(/^(\d{1,6}[smhd]|\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?Z?)?)$/, '10m, 2h, 1d or a time in UTC')
      .optional()
      .describe('10m, 2h, 1d or UTC time'),
  }),
  output: z.object({
    stdout: z.string().optional(),
    stderr: z.string().optional(),
    note: z.string().optional(),
  }),
  async run({ container, tail, since }, { read, target, now }) {
    const from = since === undefined ? '' : `&since=${secondsAt(since, now)}`
    const path = `/containers/${encodeURIComponent(container)}/logs?stdout=1&stderr=1&tail=${tail}${from}`
    const outcome = await read(get(path))
    if (outcome.status === 404) {
      const listed = jsonOf(await read(get('/containers/json?all=1')), containersReply, 'the list of containers')
      throw new GatewayError('not_found', `there is no container ${container} on ${target.id}`, {
        hint: nearestHint(container, listed),
      })
    }
    if (!outcome.ok) {
      throw new GatewayError('operation_failed', `the engine gave no logs: ${engineMessage(outcome.output)}`, {
        hint: 'logs of drivers that send them away are read where they are sent to',
      })
    }
    const [stdout, stderr] = [textOf(outcome.output), textOf(outcome.errorOutput)]
    return withoutEmpty({ stdout, stderr, note: noteOn(stdout + stderr, outcome.truncated) })
  },
})

/** Terminals end lines with CR LF. */
const textOf = (text: string): string => text.replaceAll('\r\n', '\n').trimEnd()

function noteOn(text: string, truncated: boolean): string {
  if (truncated) return 'the end is cut: these lines are too long together; ask for fewer'
  return text === '' ? 'no lines' : ''
}

/** Seconds since 1970 of `10m` ago or of `2026-11-21 08:00`. @throws GatewayError invalid_input */
function secondsAt(since: string, now: Date): number {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(since) ?? []
  const at =
    count === undefined
      ? Date.parse(`${since.length === 10 ? `${since}T00:00` : since.replace(' ', 'T').replace(/Z$/, '')}Z`)
      : now.getTime() - Number(count) * (unitMs[unit] ?? 0)
  if (Number.isNaN(at)) throw new GatewayError('invalid_input', `${since} is no time`, { hint: 'as 2026-11-21T08:00Z' })
  return Math.max(1, Math.floor(at / 1000))
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

import type { z } from 'zod'
import { type Obstacle, obstacleOf, obstaclesOf } from '../formats/tailscale-obstacles.ts'
import {
  type ServedService,
  servedService,
  serveStatusReply,
  serviceConfigReply,
  type TailscaleStatus,
  tailscaleStatus,
  tailscaleStatusReply,
} from '../formats/tailscale-status.ts'
import type { Clock } from '../lib/clock.ts'
import { parseJson } from '../lib/json.ts'
import { type Ended, runProgram } from '../release/run-program.ts'

/** With what the `tailscale` program is run. */
export interface Tailscale {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** The service, `svc:tailops`. */
  readonly service: string
  /** The tag that this machine has, or would need. */
  readonly tag: string
}

/** What was found on this machine; with obstacles, the rest may be missing. */
export interface Look {
  readonly obstacles: readonly Obstacle[]
  readonly status?: TailscaleStatus | undefined
  /** Whether what this machine serves could be read. */
  readonly isRead: boolean
  /** undefined: nothing is configured for the service, where it could be read. */
  readonly served?: ServedService | undefined
  /** false: drained; undefined: not measured. */
  readonly advertised?: boolean | undefined
}

const readWithinMs = 20_000
/** Where HTTPS is off, `tailscale serve` waits for a person, for ever. */
const changeWithinMs = 60_000

/** Reads everything that is told about the service; changes nothing. */
export async function look(tailscale: Tailscale): Promise<Look> {
  const version = await run(tailscale, ['version'], readWithinMs)
  if ('code' in version) return { obstacles: [version], isRead: false }
  const reply = await read(tailscale, ['status', '--json', '--peers=false'], tailscaleStatusReply)
  if ('obstacle' in reply) return { obstacles: [reply.obstacle], isRead: false }
  const status = tailscaleStatus(reply.data)
  const obstacles = obstaclesOf(status, version.stdout.split('\n')[0]?.trim() ?? '', tailscale.tag)
  const config = await read(tailscale, ['serve', 'status', '--json'], serveStatusReply)
  if ('obstacle' in config)
    return { obstacles: obstacles.length > 0 ? obstacles : [config.obstacle], status, isRead: false }
  const served = servedService(config.data, tailscale.service)
  const advertised = served === undefined ? undefined : await isAdvertised(tailscale)
  return { obstacles, status, isRead: true, served, advertised }
}

/** Older programs cannot tell: then it is not measured. */
async function isAdvertised(tailscale: Tailscale): Promise<boolean | undefined> {
  const argv = ['serve', 'get-config', `--service=${tailscale.service}`]
  const reply = await read(tailscale, argv, serviceConfigReply)
  return 'obstacle' in reply ? undefined : reply.data.advertised
}

/** Runs one change; what kept it from being done. */
export async function change(tailscale: Tailscale, argv: readonly string[]): Promise<Obstacle | undefined> {
  const ended = await run(tailscale, argv, changeWithinMs)
  return 'code' in ended ? ended : undefined
}

async function read<S extends z.ZodType>(
  tailscale: Tailscale,
  argv: readonly string[],
  schema: S,
): Promise<{ readonly data: z.output<S> } | { readonly obstacle: Obstacle }> {
  const ended = await run(tailscale, argv, readWithinMs)
  if ('code' in ended) return { obstacle: ended }
  const parsed = schema.safeParse(parseJson(ended.stdout))
  if (parsed.success) return { data: parsed.data }
  return {
    obstacle: {
      code: 'failed',
      message: `the answer of tailscale ${argv.join(' ')} is not understood`,
      hint: 'please report it, with what tailscale version prints',
    },
  }
}

async function run(
  { env, clock, tag }: Tailscale,
  argv: readonly string[],
  withinMs: number,
): Promise<Pick<Ended, 'stdout'> | Obstacle> {
  const { code, stdout, stderr, timedOut } = await runProgram({ argv: ['tailscale', ...argv], env, withinMs, clock })
  if (code === 0) return { stdout }
  const said = `${stderr}\n${stdout}`
  const why = obstacleOf(said, tag)
  if (!timedOut || why.code !== 'failed') return why
  return { ...why, message: `tailscale ${argv.join(' ')} did not end within ${withinMs / 1000} s` }
}

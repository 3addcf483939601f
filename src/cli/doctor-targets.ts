import { z } from 'zod'
import type { TargetsConfig } from '../config/targets-config.ts'
import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { parseJson } from '../lib/json.ts'
import type { Answer, App } from './command.ts'
import { type Finding, findingsOf } from './doctor-finding.ts'

const { ok, warning, problem } = findingsOf('targets')

const width = 8
const withinMs = 60_000

type ConfiguredTarget = TargetsConfig['targets'][number]

/** One cheap read of each target on the path of every call: policy, limits and audit log apply. */
export async function targetFindings(app: App, config: TargetsConfig, clock: Clock): Promise<readonly Finding[]> {
  const queue = config.targets.entries()
  const found: (readonly Finding[])[] = []
  const worker = async () => {
    for (const [index, target] of queue) found[index] = await oneTarget(app, target, clock)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return found.flat()
}

/** What is asked of which kind, and what must be granted for it. */
const questions: Readonly<Record<string, readonly [tool: string, argument: 'targets' | 'cluster']>> = {
  local: ['health_check', 'targets'],
  ssh: ['health_check', 'targets'],
  docker: ['get_container_list', 'targets'],
  proxmox: ['proxmox_cluster_health', 'cluster'],
}

async function oneTarget(app: App, target: ConfiguredTarget, clock: Clock): Promise<readonly Finding[]> {
  const { id, kind } = target
  const [name, argument] = questions[kind] ?? []
  const tool = app.tools.find((candidate) => candidate.name === name)
  if (tool === undefined || argument === undefined)
    return [ok(`${id}: not asked: whether a request of it is harmless, only you know`)]
  const late = new AbortController()
  const answer = await Promise.race([
    app.callTool(tool, { [argument]: argument === 'targets' ? [id] : (target.cluster ?? id) }),
    clock.sleep(withinMs, late.signal).then(
      () => undefined,
      () => undefined,
    ),
  ]).finally(() => late.abort())
  if (answer === undefined) return [problem(`${id}: no answer within ${withinMs / 1000} s`, `look at ${id} itself`)]
  return answer.isError ? [failure(id, answer)] : told(id, answer.text)
}

/** A call that failed, as it is told to clients. */
const refusal = z.object({ error: z.string(), message: z.string(), hint: z.string().optional() }).partial()

/** Nothing granted is nothing measured. */
function failure(id: string, { text }: Answer): Finding {
  const { error, message = text.slice(0, 300), hint } = refusal.safeParse(parseJson(text)).data ?? {}
  const line = message.startsWith(id) ? message : `${id}: ${message}`
  return error === 'denied' || error === 'unknown_target' ? warning(`${line}: not measured`, hint) : problem(line, hint)
}

/** A cluster says in its answer whether it was reached, and what its token lacks. */
function told(id: string, text: string): readonly Finding[] {
  const reachable = fieldIn(text, 'reachable')
  if (reachable?.startsWith('no') === true)
    return [problem(`${id}: ${reachable.replace(/^no: (\w+: )?/, '')}`, fieldIn(text, 'hint'))]
  const lacks = fieldIn(text, 'token_lacks')
  const fix =
    "pveum acl modify / --tokens 'TOKENID' --roles PVEAuditor, and for its user; proxmox_permissions tells more"
  return [ok(`${id} answers`), ...(lacks === undefined ? [] : [warning(`${id}: its token lacks ${lacks}`, fix)])]
}

/** Of an answer in TOON or JSON. */
function fieldIn(text: string, key: string): string | undefined {
  const [, spelled] = new RegExp(`(?:^|[{,]\\s*"?)${key}"?:\\s*("(?:[^"\\\\]|\\\\.)*"|[^\\n,}]*)`, 'm').exec(text) ?? []
  if (spelled === undefined) return undefined
  return spelled.startsWith('"') ? String(parseJson(spelled) ?? spelled) : spelled.trim()
}

/** What the configuration cannot tell: the app did not open. */
export function appFailure(error: unknown): Finding {
  const { message, hint } = GatewayError.from(error)
  return problem(`no target is asked: ${message.split('\n')[0]}`, hint)
}

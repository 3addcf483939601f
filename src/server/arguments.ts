import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { isAction, type Tool } from '../core/tool.ts'

/** Arguments that every tool of its sort has, beside its own. */
const targetName = z.string().max(200)
/** One string is accepted as well; clients are shown the list, which every one of them understands. */
const targets = z.preprocess(
  (given) => (typeof given === 'string' ? [given] : given),
  z.array(targetName).min(1).max(500),
)
const format = z.enum(['toon', 'json'])
const batch = z.strictObject({
  size: z.number().int().min(1).max(50).prefault(1),
  max_failures: z.number().int().min(1).max(500).prefault(1),
})

/** What is split off the arguments of a call before its tool sees them. */
const Common = z.object({
  // What stands in a comment is for people: list_targets tells models what targets takes, once.
  targets: targets.optional().meta({
    $comment:
      'ids, `tag:x`, `kind:x`, `cluster:x`, `segment:x`, globs (`web-*`) or `all`; left out: `local`, the gateway for its own tools, or the only target that fits',
  }),
  cluster: targetName.optional().meta({
    $comment: 'left out: found by the name or vmid; else, for reads, all clusters or the first one',
  }),
  format: format.optional().meta({ $comment: 'left out: the smaller of the two' }),
  dry_run: z.boolean().optional().meta({ $comment: 'only shows the plan' }),
  approval: z.string().max(40).optional().meta({ $comment: 'id of a granted one' }),
  snapshot_first: z
    .boolean()
    .optional()
    .meta({ $comment: 'snapshots the guest that is changed; a failure goes back to it' }),
  request_id: z
    .string()
    .min(1)
    .max(80)
    .optional()
    .meta({ $comment: 'yours; a repeated call with it returns the end of the first one' }),
  batch: batch.optional().meta({
    $comment: 'on many targets or guests: `{size, max_failures}`, so many at a time, no further after so many failures',
  }),
})

export type CommonArguments = z.output<typeof Common>

/** The derived arguments that this tool has. */
export function commonFor(tool: Tool): z.ZodObject {
  const [kind, other] = tool.targets
  const ownGateway = other === undefined && kind === 'gateway'
  const ownCluster = other === undefined && kind === 'proxmox'
  const place = { ...(ownCluster ? { cluster: true as const } : !ownGateway && { targets: true as const }) }
  if (!isAction(tool)) return Common.pick({ ...place, format: true })
  // What belongs to an earlier call was decided with it: there is nothing to plan or approve.
  if (tool.capability === 'origin') return Common.pick({})
  return Common.pick({
    ...place,
    ...(('targets' in place || tool.severalGuests === true) && { batch: true as const }),
    ...(tool.restorePoint === true && { snapshot_first: true as const }),
    dry_run: true,
    approval: true,
    request_id: true,
  })
}

/** @throws GatewayError invalid_input */
export function splitArguments(
  tool: Tool,
  args: Readonly<Record<string, unknown>>,
): { readonly common: CommonArguments; readonly input: Readonly<Record<string, unknown>> } {
  const names = commonNames(tool)
  const entries = Object.entries(args)
  const own = Object.fromEntries(entries.filter(([name]) => !names.includes(name)))
  const parsed = Common.safeParse(Object.fromEntries(entries.filter(([name]) => names.includes(name))))
  if (parsed.success) return { common: parsed.data, input: own }
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new GatewayError('invalid_input', problems.join('; '), { hint: `${tool.name} also takes ${names.join(', ')}` })
}

const names = new WeakMap<Tool, readonly string[]>()

function commonNames(tool: Tool): readonly string[] {
  const known = names.get(tool) ?? accepted(tool)
  names.set(tool, known)
  return known
}

/** Where `cluster` is listed, `targets` is understood as well. */
function accepted(tool: Tool): readonly string[] {
  const listed = Object.keys(commonFor(tool).shape)
  return listed.includes('cluster') ? [...listed, 'targets'] : listed
}

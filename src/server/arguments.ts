import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { isAction, type Tool } from '../core/tool.ts'

/** Arguments that every tool of its sort has, beside its own. */
const targets = z.union([z.string().max(200), z.array(z.string().max(200)).min(1).max(500)])
const format = z.enum(['toon', 'json'])
const batch = z.strictObject({ size: z.number().int().min(1).max(50), max_failures: z.number().int().min(1).max(500) })

/** What is split off the arguments of a call before its tool sees them. */
const Common = z.object({
  targets: targets.optional().describe('Ids, tag:x, kind:x, globs, all'),
  format: format.optional(),
  dry_run: z.boolean().optional().describe('Only show the plan'),
  approval: z.string().max(40).optional().describe('Id of a granted approval'),
  request_id: z.string().min(1).max(80).optional().describe('Repeats return the first end'),
  batch: batch.optional(),
})

export type CommonArguments = z.output<typeof Common>

/** The derived arguments that this tool has. */
export function commonFor(tool: Tool): z.ZodObject {
  const ownGateway = tool.targets.length === 1 && tool.targets[0] === 'gateway'
  return Common.pick({
    ...(!ownGateway && { targets: true as const }),
    ...(isAction(tool)
      ? {
          dry_run: true as const,
          approval: true as const,
          request_id: true as const,
          ...(!ownGateway && { batch: true as const }),
        }
      : { format: true as const }),
  })
}

/** @throws GatewayError invalid_input */
export function splitArguments(
  tool: Tool,
  args: Readonly<Record<string, unknown>>,
): { readonly common: CommonArguments; readonly input: Readonly<Record<string, unknown>> } {
  const names = Object.keys(commonFor(tool).shape)
  const entries = Object.entries(args)
  const own = Object.fromEntries(entries.filter(([name]) => !names.includes(name)))
  const parsed = Common.safeParse(Object.fromEntries(entries.filter(([name]) => names.includes(name))))
  if (parsed.success) return { common: parsed.data, input: own }
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new GatewayError('invalid_input', problems.join('; '), { hint: `${tool.name} also takes ${names.join(', ')}` })
}

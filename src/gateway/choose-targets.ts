import { GatewayError } from '../core/errors.ts'
import type { Target } from '../core/target.ts'
import { groupOf } from '../core/target-selector.ts'
import { type Tool, worksOn } from '../core/tool.ts'
import { nearest } from '../lib/nearest.ts'

/**
 * The targets of a call, sorted by id: ids, `tag:web`, `kind:ssh`, `cluster:home`, `segment:a`, globs (`web-*`), `all`.
 * @throws GatewayError unknown_target, unsupported_target
 */
export function chooseTargets(
  all: readonly Target[],
  tool: Tool,
  asked: readonly string[] | undefined,
): readonly Target[] {
  const fitting = all.filter(({ kind }) => worksOn(tool, kind))
  if (asked === undefined || asked.length === 0) return [defaultTarget(fitting, tool)]
  const chosen = new Set(asked.flatMap((selector) => select(all, fitting, tool, selector)))
  return [...chosen].sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The gateway for its own tools, `local` for machine tools, else the only fitting target. */
function defaultTarget(fitting: readonly Target[], tool: Tool): Target {
  const own = fitting.find(({ id }) => id === (tool.targets.includes('gateway') ? 'gateway' : 'local'))
  if (own !== undefined) return own
  const [only, second] = fitting
  if (only === undefined) {
    throw new GatewayError('unsupported_target', `no target of kind ${tool.targets.join(' or ')} is configured`, {
      hint: 'the operator can add one to targets.yaml',
    })
  }
  if (second === undefined) return only
  throw new GatewayError('invalid_input', `${tool.name} needs targets: ${fitting.length} would fit`, {
    hint: `name one or more of ${names(fitting)}`,
  })
}

function select(all: readonly Target[], fitting: readonly Target[], tool: Tool, selector: string): readonly Target[] {
  const named = all.find(({ id }) => id === selector) ?? all.find(({ alias }) => alias === selector)
  if (named !== undefined && fitting.includes(named)) return [named]
  if (named !== undefined) {
    throw new GatewayError('unsupported_target', `${tool.name} does not work on ${named.id}, a ${named.kind} target`, {
      hint: `it works on targets of kind ${tool.targets.join(' or ')}: ${names(fitting)}`,
    })
  }
  const group = groupOf(selector)
  const found = group === undefined ? [] : fitting.filter(group)
  if (found.length > 0) return found
  const close = nearest(
    selector,
    fitting.map(({ id }) => id),
  )
  throw new GatewayError('unknown_target', `no target ${JSON.stringify(selector.slice(0, 80))} for ${tool.name}`, {
    hint: close === undefined ? `targets that fit: ${names(fitting)}` : `did you mean ${close}?`,
  })
}

const names = (targets: readonly Target[]): string => {
  const ids = targets.map(({ id }) => id).sort()
  return ids.length > 12 ? `${ids.slice(0, 12).join(', ')} and ${ids.length - 12} more` : ids.join(', ') || 'none'
}

import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import type { Operation, Outcome } from '../core/operation.ts'
import type { Plan, TargetPlan } from '../core/plan.ts'
import { canonicalJson } from '../lib/json.ts'
import { fanOut } from './fan-out.ts'
import type { Gateway } from './gateway.ts'
import { placeOf } from './places.ts'
import { readContext } from './read-context.ts'
import type { ChangeCall, Granted } from './request.ts'
import { guarded } from './restore-point.ts'

/** A plan that is one for each target or guest, in order of the call's. @throws GatewayError of the first plan that fails, naming its place */
export async function planAll(
  gateway: Gateway,
  request: ChangeCall,
  signal: AbortSignal,
): Promise<readonly TargetPlan[]> {
  const reads: Reads = new Map()
  return fanOut(request.granted, 8, async (granted) => {
    const { id } = placeOf(granted)
    const plan = await planOf(gateway, request, { granted, signal, reads }).catch((error: unknown) => {
      const { code, message, hint, cause } = GatewayError.from(error)
      throw request.granted.length === 1 ? error : new GatewayError(code, `${id}: ${message}`, { hint, cause })
    })
    return { target: id, plan }
  })
}

interface Planning {
  readonly granted: Granted
  readonly signal: AbortSignal
  readonly reads: Reads
}

async function planOf(gateway: Gateway, request: ChangeCall, { granted, signal, reads }: Planning): Promise<Plan> {
  const { target, guest } = granted
  const { tool, input } = request
  const context = readContext(gateway, request, target, signal)
  if (guest === undefined) return guarded(gateway, request, { target, plan: await tool.plan(input, context), signal })
  const own = { ...input, [tool.resource ?? '']: String(guest) }
  const plan = await tool.plan(own, { ...context, read: readOnce(context, reads) })
  return guarded(gateway, request, { target, plan, signal })
}

type Reads = Map<string, Promise<Outcome>>

/** Plans for many guests of a cluster are made at one moment: what they ask alike is asked once. */
const readOnce =
  ({ target, read }: Context, reads: Reads) =>
  (operation: Operation): Promise<Outcome> => {
    const key = canonicalJson([target.id, operation])
    const known = reads.get(key) ?? read(operation)
    reads.set(key, known)
    return known
  }

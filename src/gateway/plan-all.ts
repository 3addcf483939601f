import { GatewayError } from '../core/errors.ts'
import type { Plan, TargetPlan } from '../core/plan.ts'
import type { Target } from '../core/target.ts'
import { fanOut } from './fan-out.ts'
import type { Gateway } from './gateway.ts'
import { readContext } from './read-context.ts'
import type { ChangeCall } from './request.ts'
import { guarded } from './restore-point.ts'

async function planOf(
  gateway: Gateway,
  request: ChangeCall,
  { target, signal }: { readonly target: Target; readonly signal: AbortSignal },
): Promise<Plan> {
  const plan = await request.tool.plan(request.input, readContext(gateway, request, target, signal))
  return guarded(gateway, request, { target, plan, signal })
}

/** A plan that is one for each target, sorted by target id. @throws GatewayError of the first plan that fails, naming its target */
export async function planAll(
  gateway: Gateway,
  request: ChangeCall,
  signal: AbortSignal,
): Promise<readonly TargetPlan[]> {
  return fanOut(request.granted, 8, async ({ target }) => {
    const plan = await planOf(gateway, request, { target, signal }).catch((error: unknown) => {
      const { code, message, hint, cause } = GatewayError.from(error)
      throw request.granted.length === 1 ? error : new GatewayError(code, `${target.id}: ${message}`, { hint, cause })
    })
    return { target: target.id, plan }
  })
}

import { GatewayError } from '../core/errors.ts'
import type { TargetPlan } from '../core/plan.ts'
import { fanOut } from './fan-out.ts'
import type { Gateway } from './gateway.ts'
import { readContext } from './read-context.ts'
import type { ChangeCall } from './request.ts'

/** A plan that is one for each target, sorted by target id. @throws GatewayError of the first plan that fails, naming its target */
export async function planAll(
  gateway: Gateway,
  request: ChangeCall,
  signal: AbortSignal,
): Promise<readonly TargetPlan[]> {
  return fanOut(request.granted, 8, async ({ target }) => {
    const plan = await request.tool
      .plan(request.input, readContext(gateway, request, target, signal))
      .catch((error: unknown) => {
        const { code, message, hint, cause } = GatewayError.from(error)
        throw request.granted.length === 1 ? error : new GatewayError(code, `${target.id}: ${message}`, { hint, cause })
      })
    return { target: target.id, plan }
  })
}

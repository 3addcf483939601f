import { capabilities } from '../../src/core/capability.ts'
import type { Executor } from '../../src/core/executor.ts'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import type { Tool } from '../../src/core/tool.ts'
import { call } from '../../src/gateway/call.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import type { Cut, CutProxy } from './cut-proxy.ts'
import { alice, type GatewayWorld, openGatewayWorld } from './gateway-world.ts'

/** A gateway with one target that is reached through a proxy, which breaks the connection as soon as a change is sent. */
export interface FaultWorld {
  readonly world: GatewayWorld
  readonly proxy: CutProxy
  /** Makes the call; the connection breaks where `cut` says, counted from when the step is handed to the executor. */
  change(
    tool: Tool,
    input: Record<string, unknown>,
    more: { cut?: Cut | undefined; requestId: string },
  ): Promise<ChangeResult>
}

/** What the target is. */
interface Peer {
  readonly kind: Target['kind']
  readonly executor: Executor
  readonly proxy: CutProxy
  readonly target?: Partial<Target>
}

/** Every change is allowed. */
export function openFaultWorld({ kind, executor, proxy, target: more = {} }: Peer): FaultWorld {
  const world = openGatewayWorld()
  const target: Target = { id: 'peer', kind, tags: [], capabilities, constraints: defaultConstraints, ...more }
  let next: Cut | undefined
  const breaking: Executor = {
    ...executor,
    perform(operation, limits) {
      if (limits.step !== undefined && next !== undefined) {
        proxy.arm(next)
        next = undefined
      }
      return executor.perform(operation, limits)
    },
  }
  const gateway = {
    ...world.gateway,
    targets: { all: [target], executor: () => breaking },
    policy: { rules: [{ id: 'all', effect: 'allow' } as const] },
  }
  return {
    world,
    proxy,
    async change(tool, input, { cut, requestId }) {
      next = cut
      const { signal } = new AbortController()
      const result = await call(gateway, { tool, input, targets: ['peer'], requestId, caller: alice, signal })
      next = undefined
      proxy.disarm()
      if (result.kind !== 'change') throw new TypeError('a change was asked for')
      return result
    },
  }
}

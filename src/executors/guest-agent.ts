import type { GuestConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor } from '../core/executor.ts'
import { type Operation, post, type Request } from '../core/operation.ts'

export interface AgentOptions {
  readonly connection: GuestConnection
  /** @throws GatewayError denied */
  carrier(id: string): Executor
  /** The program and its arguments. */
  argvOf(operation: Operation): readonly string[]
}

/** Performs operations inside a virtual machine by its guest agent, over the API of its cluster. */
export function openAgent({ connection, carrier, argvOf }: AgentOptions): Executor {
  const { node, vmid, cluster } = connection
  const asked = (operation: Operation): Request =>
    post(`/nodes/${encodeURIComponent(node)}/qemu/${vmid}/agent/exec`, {
      command: argvOf(operation),
      'input-data': operation.stdin || undefined,
    })
  return {
    perform: async (operation, limits) => carrier(cluster).perform(asked(operation), limits),
    async reconcile(operation, sent) {
      try {
        return await carrier(cluster).reconcile(asked(operation), sent)
      } catch (error) {
        return { state: 'unknown', reason: GatewayError.from(error).message }
      }
    },
    async close() {
      // The connection of its cluster is closed by who opened it.
    },
  }
}

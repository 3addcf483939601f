import { GatewayError } from './errors.ts'
import type { Outcome } from './operation.ts'

/** A virtual machine whose agent is asked. */
export interface AgentOf {
  /** `pve:home/201` */
  readonly id: string
  readonly vmid: number | string
  readonly node: string
}

/** Why the agent of a virtual machine cannot be asked, by what Proxmox VE says; undefined for other failures. */
export function agentFailure({ ok, errorOutput }: Outcome, { id, vmid, node }: AgentOf): GatewayError | undefined {
  if (ok) return undefined
  const [message, hint] = meaning(errorOutput, vmid) ?? []
  if (message === undefined) return undefined
  return new GatewayError('unreachable', message.replace('ID', id).replace('NODE', node), { hint })
}

function meaning(said: string, vmid: number | string): readonly [message: string, hint: string] | undefined {
  if (/no .*guest agent configured/i.test(said))
    return [
      'ID has no guest agent configured',
      `on its node: qm set ${vmid} --agent 1; and install qemu-guest-agent inside it`,
    ]
  if (/guest agent is not running/i.test(said))
    return [
      'the guest agent of ID is not running',
      'install and start qemu-guest-agent inside it, or let discovery.ssh say how it is reached',
    ]
  if (/^VM \d+ is not running/.test(said)) return ['ID is not running', 'start it with proxmox_manage_guest']
  if (/^Configuration file '.*' does not exist/.test(said))
    return ['ID is no longer on node NODE', 'run_discovery shows where it is now']
  return undefined
}

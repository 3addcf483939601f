import type { z } from 'zod'
import type { GuestFacts } from '../core/policy-conditions.ts'
import { asksForGuest } from '../core/policy-rules.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestNamed } from '../core/proxmox-guest.ts'
import type { Target } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'
import { clusterResources, resourcesReply } from '../formats/proxmox-resources.ts'
import { decisionOfCall } from './decide-call.ts'
import type { Gateway } from './gateway.ts'
import { readContext } from './read-context.ts'
import type { Call, Granted } from './request.ts'
import { clusterOfGuest } from './restore-point.ts'

/**
 * Where rules ask which guest is meant: decides again, now that it can be told. One guest has many spellings, so it is
 * looked up as the cluster has it now.
 * @throws GatewayError not_found
 */
export async function decideOnGuests(
  gateway: Gateway,
  request: Call,
  { input, granted }: { readonly input: z.output<Tool['input']>; readonly granted: readonly Granted[] },
): Promise<readonly Granted[]> {
  const { tool, snapshotFirst } = request
  const asks = asksForGuest(gateway.policy, tool.name)
  const asksOfSnapshot = snapshotFirst === true && asksForGuest(gateway.policy, 'proxmox_snapshot')
  if (!asks && !asksOfSnapshot) return granted
  const found = new Map<Target, Promise<Guests>>()
  const guestsOf = (cluster: Target) => {
    const guests = found.get(cluster) ?? readGuests(gateway, request, cluster)
    found.set(cluster, guests)
    return guests
  }
  const decided = granted.map(async (part): Promise<Granted> => {
    if (part.decision.effect === 'deny') return part
    const { target, risk } = part
    const wanted = nameOf(tool, input, part)
    const cluster = tool.resource === 'guest' ? target : clusterOfGuest(gateway, target)
    const guest = wanted === undefined ? 'none' : factsOf(guestNamed(await guestsOf(cluster), wanted, cluster.id))
    return { ...part, decision: decisionOfCall(gateway, request, { target, risk, input, guest }) }
  })
  return Promise.all(decided)
}

type Guests = ReturnType<typeof clusterResources>['guests']

async function readGuests(gateway: Gateway, request: Call, cluster: Target): Promise<Guests> {
  const context = readContext(gateway, request, cluster, request.signal)
  return clusterResources(await askProxmox(context, '/cluster/resources', resourcesReply)).guests
}

/** The guest that a part of a call is about, as it is named there. */
function nameOf({ resource }: Tool, input: z.output<Tool['input']>, { target, guest }: Granted): string | undefined {
  if (guest !== undefined) return String(guest)
  if (resource !== 'guest') return target.guest && String(target.guest.vmid)
  const named = input[resource]
  return typeof named === 'string' || typeof named === 'number' ? String(named) : undefined
}

const factsOf = ({ vmid, name, tags, pool }: Guests[number]): GuestFacts => ({ vmid, name, tags, pool })

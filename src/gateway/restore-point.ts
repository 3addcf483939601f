import { GatewayError } from '../core/errors.ts'
import type { GuestOfCluster } from '../core/guest-of-cluster.ts'
import type { Plan } from '../core/plan.ts'
import type { Target } from '../core/target.ts'
import { withRestorePoint } from '../guests/restore-point.ts'
import type { Gateway } from './gateway.ts'
import { readContext } from './read-context.ts'
import type { ChangeCall } from './request.ts'

/** The plan as it is, or, with `snapshot_first`, with a snapshot before it and a way back. @throws GatewayError as withRestorePoint */
export async function guarded(
  gateway: Gateway,
  request: ChangeCall,
  { target, plan, signal }: { readonly target: Target; readonly plan: Plan; readonly signal: AbortSignal },
): Promise<Plan> {
  if (request.snapshotFirst !== true) return plan
  const guest = target.kind === 'proxmox' ? guestOfPlan(target, plan) : target.guest
  if (guest === undefined) throw noGuest(target)
  const id = `pve:${guest.cluster}/${guest.vmid}`
  const addresses = gateway.fleet.find(id)?.facts['addresses']
  const first = typeof addresses === 'object' ? addresses[0] : undefined
  return withRestorePoint({
    context: readContext(gateway, request, clusterOf(gateway, guest), signal),
    vmid: guest.vmid,
    plan,
    tool: request.tool.name,
    address: first?.split('/')[0],
    guestTarget: gateway.targets.all.find((candidate) => candidate.id === id)?.id,
  })
}

/** The cluster whose guests are snapshotted first when this target is changed. @throws GatewayError */
export function clusterOfGuest(gateway: Pick<Gateway, 'targets'>, target: Target): Target {
  if (target.kind === 'proxmox') return target
  if (target.guest === undefined) throw noGuest(target)
  return clusterOf(gateway, target.guest)
}

function clusterOf({ targets }: Pick<Gateway, 'targets'>, { cluster, vmid }: GuestOfCluster): Target {
  const found = targets.all.find(({ id, kind }) => id === cluster && kind === 'proxmox')
  if (found !== undefined) return found
  throw new GatewayError('unsupported_target', `the guest pve:${cluster}/${vmid} is on no configured cluster`, {
    hint: 'the operator can add the cluster to targets.yaml, or correct guest',
  })
}

/** What a tool for Proxmox relies on names its guest. */
function guestOfPlan({ id }: Target, { basis }: Plan): GuestOfCluster | undefined {
  const { vmid } = basis
  return typeof vmid === 'number' ? { cluster: id, vmid } : undefined
}

const noGuest = ({ id }: Target): GatewayError =>
  new GatewayError('unsupported_target', `snapshot_first: ${id} is no guest of a Proxmox cluster, as far as is known`, {
    hint: 'leave it out, or have the operator name the guest in targets.yaml (connection.guest: pve:CLUSTER/VMID)',
  })

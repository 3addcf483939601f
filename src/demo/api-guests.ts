import { ApiError } from './api-error.ts'
import type { Guest, GuestKind } from './guest.ts'
import {
  configOf,
  containerEntry,
  containerStatus,
  fullMachineEntry,
  hasAgent,
  machineEntry,
  machineStatus,
  snapshotsOf,
} from './guest-entries.ts'
import { guestHistory } from './history.ts'
import { agentInterfaces, containerInterfaces } from './interfaces.ts'
import { type Call, everybody, guestHere, isSet, type Method, may, onGuest, text } from './method.ts'

/** What is read of guests. */
export const guestMethods: readonly Method[] = [
  { method: 'GET', path: '/nodes/{node}/lxc', permissions: everybody, proxied: true, answer: containers },
  { method: 'GET', path: '/nodes/{node}/qemu', permissions: everybody, proxied: true, answer: machines },
  ...ofBothKinds('status/current', ({ guest, now }) =>
    (guest.kind === 'lxc' ? containerStatus : machineStatus)(guest, now),
  ),
  ...ofBothKinds('config', ({ guest }) => configOf(guest)),
  ...ofBothKinds('snapshot', ({ guest }) => snapshotsOf(guest)),
  ...ofBothKinds('rrddata', ({ guest, now, call }) => guestHistory(guest, text(call, 'timeframe'), now)).map(
    (method) => ({ ...method, proxied: false }),
  ),
  {
    method: 'GET',
    path: '/nodes/{node}/lxc/{vmid}/interfaces',
    permissions: onGuest('VM.Audit'),
    proxied: true,
    answer: interfaces,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces',
    permissions: { check: ['perm', '/vms/{vmid}', ['VM.GuestAgent.Audit', 'VM.GuestAgent.Unrestricted'], 'any', 1] },
    proxied: true,
    answer: agentNetwork,
  },
]

interface Asked {
  readonly guest: Guest
  readonly now: number
  readonly call: Call
}

function ofBothKinds(end: string, read: (asked: Asked) => unknown): readonly Method[] {
  const kinds: readonly GuestKind[] = ['lxc', 'qemu']
  return kinds.map((kind) => ({
    method: 'GET',
    path: `/nodes/{node}/${kind}/{vmid}/${end}`,
    permissions: onGuest('VM.Audit'),
    proxied: true,
    answer: (call) => ({ data: read({ guest: guestHere(call, kind), now: call.world.now(), call }) }),
  }))
}

const guestsOf = (call: Call, wanted: GuestKind) =>
  call.world
    .guests()
    .filter(
      ({ kind, node, vmid }) => kind === wanted && node === text(call, 'node') && may(call, `/vms/${vmid}`, 'VM.Audit'),
    )

function containers(call: Call) {
  return { data: guestsOf(call, 'lxc').map((guest) => containerEntry(guest, call.world.now())) }
}

function machines(call: Call) {
  const entry = isSet(call, 'full') ? fullMachineEntry : machineEntry
  return { data: guestsOf(call, 'qemu').map((guest) => entry(guest, call.world.now())) }
}

function interfaces(call: Call) {
  const guest = guestHere(call, 'lxc')
  return { data: guest.status === 'running' ? containerInterfaces(guest) : null }
}

function agentNetwork(call: Call) {
  const guest = guestHere(call, 'qemu')
  if (!hasAgent(guest.config['agent'])) throw new ApiError(500, 'No QEMU guest agent configured')
  if (guest.status === 'stopped') throw new ApiError(500, `VM ${guest.vmid} is not running`)
  if (guest.agentAnswers === false || guest.paused) throw new ApiError(500, 'QEMU guest agent is not running')
  return { data: { result: agentInterfaces(guest) } }
}

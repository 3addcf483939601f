import { ApiError, badParameters } from './api-error.ts'
import { type Guest, type GuestKind, titleOf, wordOf } from './guest.ts'
import { beginOnGuest } from './guest-task.ts'
import { type Call, guestHere, integer, isSet, type Method, onGuest, text } from './method.ts'

type Power = 'start' | 'stop' | 'shutdown' | 'reboot' | 'suspend' | 'resume'

/** Starting, stopping and pausing guests: each is a task. */
export const powerMethods: readonly Method[] = [...ofKind('lxc'), ...ofKind('qemu')]

/** Milliseconds that each takes. */
const durations: Readonly<Record<Power, number>> = {
  start: 1500,
  stop: 800,
  shutdown: 2500,
  reboot: 4000,
  suspend: 1000,
  resume: 700,
}

/** What a guest is after it, and how the log of effects calls that. */
const ends: Readonly<Record<Power, { readonly effect: string; change(at: number): Partial<Guest> }>> = {
  start: { effect: 'started', change: (at) => ({ status: 'running', startedAt: at, paused: undefined }) },
  stop: { effect: 'stopped', change: () => ({ status: 'stopped', startedAt: undefined, paused: undefined }) },
  shutdown: { effect: 'shut down', change: () => ({ status: 'stopped', startedAt: undefined, paused: undefined }) },
  reboot: { effect: 'rebooted', change: (at) => ({ status: 'running', startedAt: at, paused: undefined }) },
  suspend: { effect: 'suspended', change: () => ({ paused: true }) },
  resume: { effect: 'resumed', change: () => ({ paused: undefined }) },
}

function ofKind(kind: GuestKind): readonly Method[] {
  const powers: readonly Power[] = ['start', 'stop', 'shutdown', 'reboot', 'suspend', 'resume']
  return powers.map((power) => ({
    method: 'POST',
    path: `/nodes/{node}/${kind}/{vmid}/status/${power}`,
    permissions: onGuest('VM.PowerMgmt'),
    proxied: true,
    answer: (call) => ({ data: begin(call, kind, power) }),
  }))
}

function begin(call: Call, kind: GuestKind, power: Power): string {
  const vmid = integer(call, 'vmid') ?? 0
  if (isSet(call, 'skiplock') && call.caller.id !== 'root@pam') {
    throw badParameters({ skiplock: 'Only root may use this option.' })
  }
  if (power === 'start' && !call.world.isQuorate()) throw new ApiError(500, 'cluster not ready - no quorum?')
  const guest = guestOrNothing(call, kind, power)
  if (guest !== undefined) refuseAtOnce(guest, power)
  const type = `${kind === 'lxc' ? 'vz' : 'qm'}${power === 'suspend' && kind === 'qemu' ? 'pause' : power}`
  return beginOnGuest(call, {
    type,
    vmid,
    kind,
    durationMs: durations[power],
    apply: (at) => {
      const current = guestHere(call, kind)
      check(current, power)
      const isDown = current.status === 'stopped' && (power === 'stop' || power === 'shutdown')
      if (isDown) return { effect: 'was not running', vmid }
      call.world.changeGuest(vmid, ends[power].change(at))
      return { effect: ends[power].effect, vmid }
    },
  })
}

/** The start of a guest that is not there is accepted all the same, and fails in its task. */
function guestOrNothing(call: Call, kind: GuestKind, power: Power): Guest | undefined {
  if (power !== 'start') return guestHere(call, kind)
  const guest = call.world.guest(integer(call, 'vmid') ?? 0)
  return guest?.kind === kind && guest.node === text(call, 'node') ? guest : undefined
}

/** What is seen before a task begins: containers are looked at more closely than machines. */
function refuseAtOnce(guest: Guest, power: Power): void {
  const { kind, status } = guest
  const runs = status === 'running'
  if (kind === 'lxc' && power === 'start' && runs) throw new ApiError(500, `${titleOf(guest)} already running`)
  const late = kind === 'qemu' && (power === 'stop' || power === 'shutdown')
  if (power !== 'start' && !runs && !late) throw new ApiError(500, `${titleOf(guest)} not running`)
}

/** What is seen inside the task. */
function check({ kind, vmid, status, template, lock }: Guest, power: Power): void {
  if (lock !== undefined) throw new ApiError(500, `${wordOf(kind)} is locked (${lock})`)
  if (power !== 'start') return
  if (template) throw new ApiError(500, `you can't start a ${kind === 'lxc' ? 'CT' : 'vm'} if it's a template`)
  if (status === 'running') throw new ApiError(500, `${wordOf(kind)} ${vmid} already running`)
}

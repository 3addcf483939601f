import { ApiError } from './api-error.ts'
import { hasAgent } from './guest-entries.ts'
import { type Call, guestHere, integer, type Method, onGuest, text } from './method.ts'
import type { World } from './world.ts'

/** Programs inside virtual machines, by their agent. The simulation has no inside: it knows cat, echo, true, false and uname. */
export const agentMethods: readonly Method[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/qemu/{vmid}/agent/info',
    permissions: { check: ['perm', '/vms/{vmid}', ['VM.GuestAgent.Audit', 'VM.GuestAgent.Unrestricted'], 'any', 1] },
    proxied: true,
    answer: info,
  },
  {
    method: 'POST',
    path: '/nodes/{node}/qemu/{vmid}/agent/exec',
    permissions: onGuest('VM.GuestAgent.Unrestricted'),
    proxied: true,
    answer: exec,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/qemu/{vmid}/agent/exec-status',
    permissions: onGuest('VM.GuestAgent.Unrestricted'),
    proxied: true,
    answer: execStatus,
  },
]

function info(call: Call) {
  answering(call)
  const commands = ['guest-exec', 'guest-exec-status', 'guest-info', 'guest-network-get-interfaces', 'guest-ping']
  const enabled = commands.map((name) => ({ name, enabled: true, 'success-response': true }))
  return { data: { result: { version: '7.2.22', supported_commands: enabled } } }
}

interface Ended {
  readonly exitcode: number
  readonly 'out-data'?: string
  readonly 'out-truncated'?: number
  readonly 'err-data'?: string
}

/** Ends that nobody asked for yet, by guest and process. */
const ends = new WeakMap<World, Map<string, Ended>>()

function exec(call: Call) {
  const { vmid } = answering(call)
  const known = ends.get(call.world) ?? new Map<string, Ended>()
  ends.set(call.world, known)
  const pid = 101 + known.size
  const [program = '', ...args] = [call.params['command'] ?? []].flat()
  const name = program.slice(program.lastIndexOf('/') + 1)
  known.set(`${vmid}/${pid}`, run(name, args, text(call, 'input-data') ?? ''))
  const { world, method, path, caller } = call
  world.note({ method, path, user: caller.id }, { effect: `ran ${[program, ...args].join(' ')}`, vmid })
  return { data: { pid } }
}

function run(program: string, args: readonly string[], input: string): Ended {
  if (program === 'true') return { exitcode: 0 }
  if (program === 'false') return { exitcode: 1 }
  if (program === 'echo') return printed(`${args.join(' ')}\n`)
  if (program === 'cat') return printed(input)
  if (program === 'uname') return printed('Linux\n')
  return { exitcode: 127, 'err-data': `${program}: this virtual machine is simulated and has no programs\n` }
}

const printed = (text: string): Ended => ({ exitcode: 0, 'out-data': text, 'out-truncated': 0 })

function execStatus(call: Call) {
  const { vmid } = answering(call)
  const pid = integer(call, 'pid') ?? 0
  const ended = ends.get(call.world)?.get(`${vmid}/${pid}`)
  if (ended === undefined) throw new ApiError(500, `Agent error: PID ${pid} does not exist`)
  return { data: { exited: 1, ...ended } }
}

function answering(call: Call) {
  const guest = guestHere(call, 'qemu')
  if (!hasAgent(guest.config['agent'])) throw new ApiError(500, 'No QEMU guest agent configured')
  if (guest.status === 'stopped') throw new ApiError(500, `VM ${guest.vmid} is not running`)
  if (guest.agentAnswers === false || guest.paused) throw new ApiError(500, 'QEMU guest agent is not running')
  return guest
}

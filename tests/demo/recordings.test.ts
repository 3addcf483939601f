import { expect, test } from 'bun:test'
import { type ApiReply, type ApiRequest, answer } from '../../src/demo/answer.ts'
import { methods } from '../../src/demo/api.ts'
import { guestOf } from '../../src/demo/guest.ts'
import type { Task } from '../../src/demo/tasks.ts'
import type { World } from '../../src/demo/world.ts'
import { movedClock } from '../support/moved-clock.ts'
import { labTokens, labWorld } from '../support/pve/lab.ts'
import { type Recording, recordings } from '../support/pve/recordings.ts'
import { checkRequest, documentedPath } from '../support/pve/schema.ts'

/** Recordings of faults that the simulation does not know by itself. */
const beyond = ['offline-err-596-notls', 'offline-err-596-wrong-cert', 'storage-content']

const isServed = ({ name, method, path, status }: Recording) =>
  !beyond.includes(name) &&
  (status === 501 || methods.some((known) => known.method === method && known.path === documentedPath(path)))

for (const recording of recordings.values()) {
  if (isServed(recording)) test(`${recording.name} is answered as recorded`, () => compare(recording))
}

function compare(recording: Recording): void {
  const clock = movedClock(new Date('2026-11-21T03:30:00Z'))
  const world = labWorld(clock)
  prepare(recording, world, clock.advance)
  const reply = answer({ world, methods, checkParameters: checkRequest }, 'pve1', requestOf(recording, world))
  expect({ status: reply.status, reason: likeUpid(reply.reason) }).toEqual({
    status: recording.status,
    reason: likeUpid(recording.reason),
  })
  if (recording.status !== 501 || reply.body !== undefined) {
    expect(formOf(bodyOf(reply))).toEqual(formOf(recording.body === '' ? undefined : recording.body))
  }
}

/** As it arrives. */
const bodyOf = ({ body }: ApiReply): unknown => (body === undefined ? undefined : JSON.parse(JSON.stringify(body)))

const likeUpid = (text: string) => text.replace(/UPID:[^ ]*:/, 'UPID')

/** Brings the world into the state in which the exchange was recorded. */
function prepare({ name, body }: Recording, world: World, advance: (ms: number) => void): void {
  advance(11_000)
  states[name]?.(world)
  if (/^(offline|noquorum)/.test(name)) world.setNodeState('pve3', name.endsWith('hang') ? 'hanging' : 'offline')
  if (name === 'noquorum-resources') advance(300_000)
  if (name.startsWith('noquorum')) world.setNodeState('pve2', 'offline')
  if (/^(offline|noquorum|ro)-.*resources/.test(name)) world.changeGuest(200, { lock: 'snapshot' })
  if (name.includes('-tasks')) for (const entry of entriesOf(body)) recordTask(world, entry)
  advance(name === 'offline-cluster-resources' ? 300_000 : 11_000)
}

const stopWeb = (world: World) => world.changeGuest(101, { status: 'stopped' })
const lockMachine = (world: World) => world.changeGuest(200, { lock: 'snapshot' })

const states: Readonly<Record<string, (world: World) => void>> = {
  'cluster-resources': stopWeb,
  'cluster-resources-vm': stopWeb,
  'destroy-ct': (world) => world.putGuest(guestOf({ vmid: 120, node: 'pve2' })),
  'err-500-locked-config': lockMachine,
  'node-qemu': lockMachine,
  'node-qemu-full': lockMachine,
  'noquorum-ct-start': stopWeb,
  'noquorum-resources': (world) => world.changeGuest(102, { status: 'running', startedAt: world.now() }),
  'offline-cluster-resources': (world) => world.changeGuest(102, { status: 'running', startedAt: world.now() }),
  'qemu-agent-exec-status': (world) => {
    const exec = recordings.get('qemu-agent-exec')
    if (exec === undefined) return
    const request = { ...requestOf(exec, world), params: { command: ['/bin/uname', '-a'] } }
    answer({ world, methods, checkParameters: checkRequest }, 'pve1', request)
  },
  'qemu-agent-not-running': (world) => world.changeGuest(200, { agentAnswers: false }),
  'qemu-status-after-shutdown': (world) => world.changeGuest(200, { status: 'stopped' }),
  'lxc-rrddata': (world) => world.changeGuest(101, { startedAt: world.now() }),
  'node-rrddata': (world) => world.changeNode('pve1', { bootedAt: world.now() - 600_000 }),
}

function requestOf(recording: Recording, world: World): ApiRequest {
  const { method, query, form, auth } = recording
  const fields = (text: string) => Object.fromEntries(new URLSearchParams(text))
  const hasBody = method === 'DELETE' && form !== ''
  return {
    method,
    path: withTask(recording, world),
    headers: headersOf(auth, world),
    params: renewed({ ...fields(query), ...fields(form) }, world),
    hasBody,
  }
}

/** A recorded ticket as password is one of long ago: a fresh one stands for it. */
function renewed(params: Record<string, string>, world: World): Record<string, string> {
  if (!params['password']?.startsWith('PVE:')) return params
  return { ...params, password: world.access.newTicket('gw@pve', world.now()).ticket }
}

/** The path, its task replaced by one of the world that went as the recorded one did. */
function withTask({ name, path, body }: Recording, world: World): string {
  const [upid] = /UPID:[^/]*/.exec(path) ?? []
  if (upid === undefined || name.startsWith('err-task')) return path
  const [, node = '', , , , type = '', id = '', user = ''] = upid.split(':')
  const logged = entriesOf(body).map(({ t }) => String(t))
  const last = logged.at(-1) ?? ''
  const running = name.endsWith('running')
  const exitstatus = running ? undefined : (/^TASK ERROR: (.*)$/.exec(last)?.[1] ?? fieldOf(body, 'exitstatus') ?? 'OK')
  const task = recordTask(world, { node, type, id, user, status: exitstatus, log: logged.slice(0, -1) })
  return path.replace(upid, encodeURIComponent(task.upid))
}

type Entry = Readonly<Record<string, unknown>>

function recordTask(world: World, { node, type, id, user, tokenid, status, log }: Entry): Task {
  const origin = { method: 'POST', path: '/', user: tokenid === undefined ? String(user) : `${user}!${tokenid}` }
  const name = { node: String(node), type: String(type), id: String(id), origin }
  const lines = Array.isArray(log) ? log.map(String) : []
  if (status === undefined || status === 'RUNNING')
    return world.tasks.begin(name, { durationMs: 0, never: true }, world.now())
  const run = { startedAt: world.now() - 3000, endsAt: world.now() - 1000, exitstatus: String(status), log: lines }
  return world.tasks.record(name, run)
}

const entriesOf = (body: unknown): readonly Entry[] => {
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : []
  return Array.isArray(data) ? data : []
}

function fieldOf(body: unknown, name: string): string | undefined {
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined
  const found =
    typeof data === 'object' && data !== null ? Object.entries(data).find(([key]) => key === name) : undefined
  return found === undefined ? undefined : String(found[1])
}

function headersOf(auth: string, world: World): ApiRequest['headers'] {
  if (auth === '-') return {}
  const [, ticket, csrf = ''] = auth.split('|')
  if (ticket !== undefined) {
    const fresh = world.access.newTicket('gw@pve', world.now())
    const good = ticket.length > 100
    return {
      cookie: `PVEAuthCookie=${encodeURIComponent(good ? fresh.ticket : ticket)}`,
      csrfpreventiontoken: csrf.length > 20 ? fresh.csrf : csrf,
    }
  }
  return { authorization: `PVEAPIToken=${labTokens[auth] ?? auth}` }
}

/** Keys and types of a value, values left out; of a list, the forms that occur. */
function formOf(value: unknown): unknown {
  if (value === null) return 'null'
  if (Array.isArray(value)) return [...new Set(value.map((one) => JSON.stringify(formOf(one))))].sort()
  if (typeof value !== 'object') return typeof value
  const entries = Object.entries(value).map(([key, field]) => [key, formOf(field)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

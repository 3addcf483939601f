import { parseArgs } from 'node:util'
import { GatewayError } from '../core/errors.ts'
import { notApproved, type Obstacle } from '../formats/tailscale-obstacles.ts'
import type { CliCommand, World } from './command.ts'
import { tailnetGateway } from './tailscale-gateway.ts'
import { policySnippet } from './tailscale-policy.ts'
import { change, type Look, look, type Tailscale } from './tailscale-program.ts'
import { type Hosted, isOccupied, reportOf, type ServiceReport, stateSentence } from './tailscale-report.ts'

const usage = `tailops tailscale setup [--service NAME] [--wait SECONDS] [--json]
tailops tailscale status|drain|clear [--service NAME] [--json]

Makes this gateway a service of the tailnet: clients connect to https://tailops.TAILNET.ts.net.
setup checks Tailscale, passes HTTPS of svc:tailops to TAILOPS_LISTEN (127.0.0.1:8080), waits for the approval (--wait,
120 s) and prints the URL, what is left to do, and the policy that the tailnet needs. Run again it changes nothing.
drain takes no new connections on this machine and leaves those that are open; setup takes them again.
clear removes the service from this machine and ends its connections: drain first.

Exit codes: 0 done (status: it is served), 1 not served or failure, 2 usage, 78 configuration.`

const pollMs = 2000

/** `tailops tailscale`: this gateway as a service of the tailnet, by the tailscale program. */
const tailscale: CliCommand = {
  usage,
  async run([verb = '', ...args], world) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        service: { type: 'string', default: 'tailops' },
        wait: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    const action = actions.get(verb)
    const service = serviceName(values.service)
    if (action === undefined) return misused(world, verb === '' ? 'say what to do' : `no such action: ${quoted(verb)}`)
    if (service === undefined) return misused(world, `${quoted(values.service)} is no name of a service (svc:tailops)`)
    if (values.wait !== undefined && (verb !== 'setup' || !/^\d{1,5}$/.test(values.wait)))
      return misused(world, '--wait is for setup, and takes whole seconds')
    const task = await taskOf(world, { service, waitMs: Number(values.wait ?? 120) * 1000, json: values.json })
    return await action(task)
  },
}

export default tailscale

interface Task {
  readonly world: World
  readonly tailscale: Tailscale
  readonly hosted: Hosted
  readonly waitMs: number
  readonly json: boolean
}

const actions: ReadonlyMap<string, (task: Task) => Promise<number>> = new Map(
  Object.entries({ setup, status, drain, clear }),
)

const quoted = (text: string): string => JSON.stringify(text)

function misused({ terminal }: World, why: string): number {
  terminal.err(`tailops tailscale: ${why}\n\n${usage}\n`)
  return 2
}

/** `svc:` and a label of DNS; the prefix may be left out. */
function serviceName(text: string): string | undefined {
  const name = text.replace(/^svc:/, '')
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name) ? `svc:${name}` : undefined
}

type Wanted = Pick<Task, 'waitMs' | 'json'> & { readonly service: string }

/** @throws GatewayError invalid_config */
async function taskOf(world: World, { service, ...wanted }: Wanted): Promise<Task> {
  const { problems, ...gateway } = await tailnetGateway(world, service)
  const wrong = problems.find(({ severity, file }) => severity === 'error' && /LISTEN|BASE_URL/.test(file))
  if (wrong !== undefined) throw new GatewayError('invalid_config', `${wrong.file} ${wrong.what}`, { hint: wrong.hint })
  return { world, ...gateway, ...wanted }
}

async function status(task: Task): Promise<number> {
  const report = reportOf(task.hosted, await look(task.tailscale))
  show(task, report)
  return report.state === 'serving' ? 0 : 1
}

async function setup(task: Task): Promise<number> {
  const now = await configured(task)
  const report = reportOf(task.hosted, now)
  show(task, report, policySnippet(report.service, now.status?.tags[0] ?? task.tailscale.tag))
  return report.state === 'serving' ? 0 : 1
}

/** Configures the service unless it is, and waits until it is approved. */
async function configured(task: Task): Promise<Look> {
  const { tailscale: on } = task
  const { target } = task.hosted
  const before = await look(on)
  const { served, advertised } = before
  if (before.obstacles.length > 0 || isOccupied(task.hosted, before)) return before
  if (served !== undefined && advertised === true) return await approved(task, before)
  const argv = ['serve', `--service=${on.service}`, '--https=443', target]
  const obstacle = await change(on, argv)
  if (obstacle !== undefined) return { ...before, obstacles: [obstacle] }
  const after = await look(on)
  if (after.obstacles.length > 0 || after.served?.proxy === target) return await approved(task, after)
  // It may end with 0 and have done nothing.
  return { ...after, obstacles: [notDone(argv)] }
}

const notDone = (argv: readonly string[]): Obstacle => ({
  code: 'failed',
  message: `tailscale ${argv.join(' ')} ended well, but did not do it`,
  hint: 'run it by hand and see what it prints',
})

async function approved({ tailscale: on, waitMs, world }: Task, first: Look): Promise<Look> {
  const until = world.clock.elapsedMs() + waitMs
  let now = first
  const waits = () => now.obstacles.length === 0 && now.status?.approved.has(on.service) === false
  if (waits() && waitMs > 0) {
    const { hint } = notApproved(on.service, now.status?.host ?? '')
    world.terminal.err(`waiting for ${waitMs / 1000} s until ${on.service} is approved: ${hint}\n`)
  }
  while (waits() && world.clock.elapsedMs() < until) {
    await world.clock.sleep(Math.min(pollMs, waitMs))
    now = await look(on)
  }
  return now
}

async function drain(task: Task): Promise<number> {
  return await end(task, 'drain', ({ advertised }) => (advertised === undefined ? undefined : !advertised))
}

async function clear(task: Task): Promise<number> {
  return await end(task, 'clear', ({ served }) => served === undefined)
}

/** Runs `tailscale serve drain|clear` where there is something to end, and reads whether it did; undefined: not measured. */
async function end(task: Task, verb: 'drain' | 'clear', isDone: (now: Look) => boolean | undefined): Promise<number> {
  const { tailscale: on } = task
  const argv = ['serve', verb, on.service]
  const before = await look(on)
  if (!before.isRead) return fail(task, before)
  if (before.served === undefined) return succeed(task, before)
  const obstacle = await change(on, argv)
  if (obstacle !== undefined) return fail(task, { ...before, obstacles: [obstacle] })
  const after = await look(on)
  if (!after.isRead) return fail(task, after)
  const done = isDone(after)
  if (done === false) return fail(task, { ...after, obstacles: [notDone(argv)] })
  if (done === true) return succeed(task, after)
  show(task, { ...reportOf(task.hosted, { ...after, obstacles: [] }), state: 'not_measured' })
  return 0
}

function succeed(task: Task, now: Look): number {
  show(task, reportOf(task.hosted, { ...now, obstacles: [] }))
  return 0
}

function fail(task: Task, now: Look): number {
  show(task, reportOf(task.hosted, now))
  return 1
}

function show({ world: { terminal }, json }: Task, report: ServiceReport, policy?: string): void {
  if (json) {
    terminal.out(`${JSON.stringify({ ...report, policy })}\n`)
    return
  }
  const lines = [stateSentence(report), ...report.notes.map((note) => `  ${note}`)]
  terminal.out(`${lines.join('\n')}\n`)
  for (const { code, message, hint } of report.obstacles)
    terminal.err(`tailops tailscale: ${code}: ${message}\n  ${hint}\n`)
  if (policy !== undefined)
    terminal.out(`\nThe tailnet's policy (https://login.tailscale.com/admin/acls) needs:\n${policy}`)
}

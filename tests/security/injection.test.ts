import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../../src/core/errors.ts'
import { isAction, type Tool } from '../../src/core/tool.ts'
import type { Call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { tools } from '../../src/tools/index.ts'
import { alice } from '../support/gateway-world.ts'
import { hostileValues, type Slot, slotsOf, withHostile } from './hostile.ts'
import { archive, canary, type InjectionWorld, openInjectionWorld } from './injection-world.ts'

setDefaultTimeout(60_000)

const isLong = process.env['TAILOPS_TEST_LONG'] === '1'
/** Without TAILOPS_TEST_LONG each place gets every so manieth value, another one in each; all together every value. */
const everyNth = isLong ? 1 : 8

const marker = `tailops-injected-${process.pid}`
/** Folders in which a relative name could end up. */
const placesOf = ({ dir, root }: InjectionWorld) => ['/', dir, root, process.cwd(), '/root', '/tmp']

/** Paths get every value always; what takes seconds for each gets few. */
const nthOf = (tool: Tool, { name }: Slot): number => {
  if (name === 'path') return 1
  return onlyPlanned.has(tool.name) ? everyNth * 5 : everyNth
}

/** What an argument of this name may be. */
const words: Readonly<Record<string, unknown>> = {
  guest: 'web',
  of: 'web',
  node: 'pve1',
  storage: 'ceph',
  name: 'fresh',
  host: '127.0.0.1',
  container: 'app',
  image: 'registry.example/app:1',
  service: 'tailops-nowhere.service',
  packages: ['tailops-nowhere'],
  argv: ['echo', 'hello'],
  archive,
  disk: 'rootfs',
  size: '+1G',
  task: 'UPID:pve1:000000DD:00079C44:6B010F65:vzstart:101:root@pam!tailops:',
  job: 'abcd1234',
  handle: 'abcd1234',
  tool: 'proxmox_delete_guest',
  target: 'home',
  content: 'iso',
  endpoint: 'item',
  parameters: { id: '7', q: 'x' },
  arguments: { guest: 'db' },
  hostname: 'fresh',
  set: { swap: '256' },
  remove: ['swap'],
  tags: ['prod'],
  ssh_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGq5m3t1m1bq1sV0cJ0gX1pQz4oFq2bJb3u0l3rYw5aB a@b'],
  ports: [1],
  type: 'A',
  pattern: 'line',
  cluster: 'home',
  clusters: ['home'],
}

/** What a tool needs beside its required arguments, or other words for them. */
const wordsOf: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  call_http_endpoint: { parameters: { id: '7', q: 'x' } },
  write_file: { content: 'new text' },
  proxmox_backup: { storage: 'nas' },
  proxmox_convert_template: { guest: 'db' },
  proxmox_delete_guest: { guest: 'db' },
  dns_lookup: { resolver: '127.0.0.1' },
  get_job: { wait_s: 0 },
  get_service_status: { lines: 0 },
  ping_host: { count: 1 },
  traceroute: { max_hops: 1 },
  check_ssl_certificate: { port: 1 },
  proxmox_configure_guest: { description: 'x' },
  proxmox_create_vm: { template: 'base', node: 'pve1', storage: 'ceph', start: false },
  proxmox_create_container: { template: 'debian-13', node: 'pve1', storage: 'ceph', start: false },
  proxmox_clone_guest: { guest: 'base' },
  proxmox_exec: { guest: 'app' },
  proxmox_manage_guest: { action: 'start' },
  proxmox_migrate_guest: { node: 'pve2' },
  proxmox_node_status: { node: 'pve1' },
  proxmox_snapshot: { action: 'create', name: 'before' },
  manage_container: { action: 'start' },
  manage_service: { action: 'start' },
}

/** Changes of the machine that runs the test: planned, never performed, and with fewer values, for a plan takes seconds. */
const onlyPlanned = new Set(['install_package', 'update_system_packages'])

const worlds = new Set<InjectionWorld>()
afterAll(async () => {
  for (const world of worlds) await world.stop()
})
async function opened(): Promise<InjectionWorld> {
  const world = await openInjectionWorld()
  worlds.add(world)
  return world
}

/** Arguments that are right, with something in the slot where there is a word for it. */
function validFor(tool: Tool, { name }: Slot, world: InjectionWorld): Readonly<Record<string, unknown>> {
  const known: Readonly<Record<string, unknown>> = {
    ...words,
    path: join(world.root, 'plain.log'),
    url: `${world.serviceUrl}/api/x`,
    action: 'read',
    ...wordsOf[tool.name],
  }
  const wanted = Object.entries(tool.input.shape)
    .filter(([key, schema]) => key === name || !isOptional(schema) || key in (wordsOf[tool.name] ?? {}))
    .map(([key]) => [key, known[key]] as const)
  return Object.fromEntries(wanted.filter(([, value]) => value !== undefined))
}

const isOptional = (schema: unknown): boolean =>
  typeof schema === 'object' && schema !== null && 'safeParse' in schema && typeof schema.safeParse === 'function'
    ? schema.safeParse(undefined).success
    : false

const targetsOf = ({ targets: [kind] }: Tool): Partial<Call> => {
  if (kind === 'local') return { targets: ['local'] }
  if (kind === 'docker') return { targets: ['engine'] }
  return kind === 'http' ? { targets: ['web'] } : {}
}

async function attempt(
  world: InjectionWorld,
  tool: Tool,
  input: unknown,
  more: Partial<Call> = {},
): Promise<CallResult | GatewayError> {
  try {
    const asked = await world.ask(tool.name, Object(input), { caller: alice, ...targetsOf(tool), ...more })
    if (asked.kind === 'change' && asked.status === 'running') await world.gateway.jobs.idle()
    return asked
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw new Error(`${tool.name} threw what is no GatewayError`, { cause: error })
  }
}

const errorsIn = (end: CallResult | GatewayError): readonly GatewayError[] => {
  if (end instanceof GatewayError) return [end]
  return end.kind === 'query' ? end.answers.flatMap((answer) => ('error' in answer ? [answer.error] : [])) : []
}

/** What is wrong with how a call ended; nothing for a good end. */
function wrongWith(end: CallResult | GatewayError): readonly string[] {
  const errors = errorsIn(end)
  const told = [JSON.stringify(end), ...errors.map(({ message, hint = '' }) => `${message} ${hint}`)].join('\n')
  return [
    ...errors.filter(({ code }) => code === 'internal').map(({ cause }) => `internal: ${String(cause)}`),
    ...errors
      .filter(({ hint = '' }) => hint === '')
      .map(({ code, message }) => `no hint: ${code}: ${message.slice(0, 200)}`),
    ...(told.includes(canary) ? ['tells the secret'] : []),
    ...(/\n\s+at \S+ \(|unexpected failure inside|\/src\/\w+\/[\w-]+\.ts/.test(told) ? ['tells of our insides'] : []),
    ...(errors.some(({ message, hint = '' }) => message.length + hint.length > 8000) ? ['a long-winded refusal'] : []),
  ]
}

/** Requests that went where no request of ours goes. What a caller gives for a part of an item's path stays one part, encoded. */
function strayIn(requests: readonly string[]): readonly string[] {
  return requests.filter((request) => {
    const [path = ''] = request.replace(/^[A-Z]+ /, '').split('?')
    const isItem = path.startsWith('/api/items/')
    const isVolume = path.includes('/content/')
    const isStray = (part: string) =>
      part === '..' ||
      part === '.' ||
      (!isItem && /[\0\r\n]/.test(part)) ||
      (!isItem && !isVolume && part.includes('/'))
    return path.split('/').map(decoded).some(isStray)
  })
}

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return `${part}\0`
  }
}

/** How much each record of a world holds. */
const seenIn = ({ standIn, heard }: InjectionWorld) => ({
  requests: standIn.requests.length,
  violations: standIn.violations.length,
  heard: heard.length,
})

interface Attempt {
  readonly tool: Tool
  readonly input: Readonly<Record<string, unknown>>
  readonly dryRun: boolean | undefined
}

/** Makes one call, and tells what is wrong with how it ended and with what it did. */
async function harmOf(world: InjectionWorld, { tool, input, dryRun }: Attempt): Promise<readonly string[]> {
  const before = seenIn(world)
  const end = await attempt(world, tool, input, dryRun === undefined ? {} : { dryRun })
  const requests = world.standIn.requests.slice(before.requests)
  // A probe of a URL asks for any path there that its caller likes.
  const heard = tool.name === 'http_request_test' ? [] : world.heard.slice(before.heard)
  const made = placesOf(world)
    .map((place) => join(place, marker))
    .filter(existsSync)
  for (const file of made) rmSync(file)
  const ours = /^\w+ \/(api\/(items\/[^/]+|notes)|version|_ping|v1\.\d+\/[^.]+)/
  return [
    ...wrongWith(end),
    ...made.map((file) => `${file} was made`),
    ...world.standIn.violations.slice(before.violations),
    ...strayIn([...requests, ...heard]),
    ...heard.filter((request) => !ours.test(request)),
    ...requests.filter((one) => dryRun === true && !one.startsWith('GET ')).map((one) => `a dry run asked ${one}`),
  ]
}

/** Tools that are asked here for what is not there: their arguments are right, and nothing is found. */
const findsNothing =
  /^(cancel_job|get_job|get_output|(get|manage|update|pull)_\w*(container|image)\w*|.*_service|get_container_logs|proxmox_(restore|task_status)|\w+_packages?|dns_lookup)$/

/** What this machine and cluster may lack: a port with a certificate, an init system, an index, a whole backup. */
const needsMore: Readonly<Record<string, string>> = {
  check_ssl_certificate: 'operation_failed',
  get_service_status: 'unsupported_target',
  manage_service: 'unsupported_target',
  install_package: 'operation_failed',
  update_system_packages: 'operation_failed',
  proxmox_restore: 'operation_failed',
}

/** The arguments are right but for the hostile value: without it the call ends well, or finds nothing of the name. */
async function expectAccepted(world: InjectionWorld, tool: Tool, slot: Slot): Promise<void> {
  const end = await attempt(world, tool, validFor(tool, slot, world), isAction(tool) ? { dryRun: true } : {})
  const refusals = errorsIn(end).map(({ code, message }) => `${code}: ${message}`)
  if (needsMore[tool.name] !== undefined && refusals[0]?.startsWith(needsMore[tool.name] ?? '') === true) return
  if (!findsNothing.test(tool.name)) expect(refusals).toEqual([])
  expect(refusals.filter((refusal) => !refusal.startsWith('not_found'))).toEqual([])
}

/** A change is planned, and then performed where that harms nothing outside the world of the test. */
const waysOf = (tool: Tool): readonly (boolean | undefined)[] => {
  if (!isAction(tool)) return [undefined]
  return onlyPlanned.has(tool.name) ? [true] : [true, false]
}

describe.each(
  tools.map((tool) => [tool.name, tool, slotsOf(tool.input)] as const).filter(([, , slots]) => slots.length > 0),
)('%s', (_name, tool, slots) => {
  test.each(slots.map((slot, at) => [slot.place, slot.name, slot, at] as const))(
    'obeys nothing in the %s of %s',
    async (_place, _argument, slot, at) => {
      const world = await opened()
      await expectAccepted(world, tool, slot)
      const values = hostileValues({ marker, secretFile: world.secretFile, root: world.root })
      const nth = nthOf(tool, slot)
      const offset = at + tools.indexOf(tool)
      const problems: string[] = []
      for (const [index, value] of values.entries()) {
        if ((index + offset) % nth !== 0) continue
        for (const input of withHostile(validFor(tool, slot, world), slot, value)) {
          for (const dryRun of waysOf(tool)) {
            const harm = await harmOf(world, { tool, input, dryRun })
            if (harm.length > 0)
              problems.push(`${JSON.stringify(value).slice(0, 80)}: ${harm.join('; ').slice(0, 600)}`)
          }
        }
      }
      expect(problems).toEqual([])
      worlds.delete(world)
      await world.stop()
    },
  )
})

import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { get, post, script } from '../core/operation.ts'
import type { Plan, Step, Until } from '../core/plan.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestPath } from '../core/proxmox-guest.ts'
import type { GuestProbe } from '../core/target.ts'
import { snapshotsReply } from '../formats/proxmox-snapshots.ts'
import { type GuestNow, guestNow, refusal } from './guest-now.ts'

/** Snapshots and rollbacks of large disks on slow storages. */
const snapshotMs = 15 * 60_000
/** Until a guest that was rolled back stands as it stood before. */
const standsWithinMs = 120_000

/** What a change of a guest needs for its way back. */
export interface Guarded {
  /** The cluster of the guest: reads of it go there. */
  readonly context: Pick<Context, 'read' | 'target'>
  readonly vmid: number
  /** What the tool would do by itself. */
  readonly plan: Plan
  readonly tool: string
  /** The address of the guest that discovery knows. */
  readonly address: string | undefined
  /** The id of the guest as a target, where it is one. */
  readonly guestTarget: string | undefined
}

/**
 * The plan with its way back: a snapshot first (when that fails nothing else is done), the change, then the tests of the guest.
 * When anything after the snapshot fails, the guest is rolled back to it, started if it ran, and looked at.
 * @throws GatewayError invalid_input when its storage cannot snapshot, or a probe cannot be made; as guestNow
 */
export async function withRestorePoint(guarded: Guarded): Promise<Plan> {
  const { context, vmid, plan } = guarded
  if (plan.steps.length === 0) return plan
  const guest = await guestNow(context, String(vmid), {
    to: 'snapshot',
    needsQuorum: true,
    notTemplates: 'leave out snapshot_first: a template has no snapshots',
  })
  await requireSnapshots(context, guest)
  const snapshot = await nextName(context, guest)
  const checks = [standing(guarded, guest), ...probesOf(guarded, guest)]
  return {
    summary: `${plan.summary}; first a snapshot (${snapshot}) of ${guest.title}, which a failure goes back to`,
    basis: { ...plan.basis, snapshot, guest: guest.basis },
    steps: [snapshotStep(guarded, guest, snapshot), ...plan.steps.map(covered), ...checks],
    preview: plan.preview,
    restorePoint: { cluster: context.target.id, vmid, title: guest.title, snapshot, checks: checks.length },
  }
}

/** A step whose way back is the snapshot. The snapshot itself changes the configuration, and so its digest. */
function covered(step: Step): Step {
  const { undo: _, undoUntil: __, do: operation, ...rest } = step
  if (operation.kind !== 'request' || typeof operation.body !== 'object' || operation.body === null)
    return { ...rest, do: operation }
  const { digest: ___, ...body }: { digest?: unknown } = operation.body
  return { ...rest, do: { ...operation, body } }
}

/** What the tool itself planned, of a plan with or without restore point; the same part of what belongs to its steps. */
export function ownPart<T>(plan: Plan, ofSteps: readonly T[]): { readonly plan: Plan; readonly ofSteps: readonly T[] } {
  if (plan.restorePoint === undefined) return { plan, ofSteps }
  const end = plan.steps.length - plan.restorePoint.checks
  return { plan: { ...plan, steps: plan.steps.slice(1, end), restorePoint: undefined }, ofSteps: ofSteps.slice(1, end) }
}

const featureReply = z.object({ hasFeature: z.coerce.number().optional() })

/** Whether the storage of each of its disks can snapshot. @throws GatewayError invalid_input */
export async function requireSnapshots(context: Pick<Context, 'read'>, guest: GuestNow): Promise<void> {
  const { hasFeature } = await askProxmox(context, `${guestPath(guest)}/feature?feature=snapshot`, featureReply)
  if (hasFeature === 1) return
  throw refusal(
    `cannot snapshot ${guest.title}: the storage of one of its disks has no snapshots`,
    'make a backup with proxmox_backup instead (proxmox_restore goes back to it)',
  )
}

/** Names are counted up, so that the same world gives the same plan: `tailops_3`. */
async function nextName(context: Pick<Context, 'read'>, guest: GuestNow): Promise<string> {
  const rows = await askProxmox(context, `${guestPath(guest)}/snapshot`, snapshotsReply)
  const numbers = rows.map(({ name }) => Number(/^tailops_(\d{1,9})$/.exec(name)?.[1] ?? 0))
  return `tailops_${Math.max(0, ...numbers) + 1}`
}

function snapshotStep({ context, tool }: Guarded, guest: GuestNow, snapshot: string): Step {
  const on = context.target.id
  const body = { snapname: snapshot, description: `before ${tool} (TailOps)` }
  const back = guest.status === 'running' ? { start: 1 } : {}
  return {
    do: { ...post(`${guestPath(guest)}/snapshot`, body), on, timeoutMs: snapshotMs },
    undo: { ...post(`${guestPath(guest)}/snapshot/${snapshot}/rollback`, back), on, timeoutMs: snapshotMs },
    undoUntil: standsAs(on, guest, guest.status === 'running' ? 'running' : 'stopped'),
    undoesLater: true,
  }
}

const standsAs = (on: string, guest: GuestNow, status: string): Until => ({
  read: { ...get(`${guestPath(guest)}/status/current`), on },
  path: 'body.data.status',
  equals: status,
  withinMs: standsWithinMs,
})

/** The guest runs as it ran before, unless the change itself is about that. */
function standing({ context, plan }: Guarded, guest: GuestNow): Step {
  const on = context.target.id
  const path = `${guestPath(guest)}/status/current`
  const wanted = plan.steps
    .map(({ until }) => until)
    .filter((until) => isAbout(until, path))
    .at(-1)
  const status = wanted === undefined ? (guest.status === 'stopped' ? 'stopped' : 'running') : String(wanted.equals)
  return { do: { ...get(path), on }, until: standsAs(on, guest, status) }
}

const isAbout = (until: Until | undefined, path: string): until is Until =>
  until?.read.kind === 'request' && until.read.path === path && until.path === 'body.data.status'

function probesOf(guarded: Guarded, guest: GuestNow): readonly Step[] {
  const row = guarded.context.target.guestProbes ?? []
  const tags = guest.cluster.guests.find(({ vmid }) => vmid === guest.vmid)?.tags ?? []
  const names = [guest.name, String(guest.vmid), ...tags.map((tag) => `tag:${tag}`)]
  return row.filter(({ guest: named }) => names.includes(named)).map((probe) => probeStep(guarded, guest, probe))
}

function probeStep({ address, guestTarget }: Guarded, guest: GuestNow, probe: GuestProbe): Step {
  const { tcp, http, command, withinMs } = probe
  if (tcp !== undefined) {
    const at = address ?? noAddress(guest)
    const asked = { ...get(`probe:tcp?${new URLSearchParams({ address: at, port: String(tcp) })}`), on: 'gateway' }
    return { do: asked, until: { read: asked, path: 'body.connected', equals: true, withinMs } }
  }
  if (http !== undefined) {
    const asked = { ...get(httpProbe(new URL(http.url))), on: 'gateway' }
    return { do: asked, until: { read: asked, path: 'body.response.status', equals: http.status, withinMs } }
  }
  const seconds = String(Math.ceil(withinMs / 1000))
  const timeoutMs = withinMs + 30_000
  return {
    do: script('write/until-success', [seconds, ...(command ?? [])], { on: guestTarget ?? noWay(guest), timeoutMs }),
  }
}

function httpProbe({ protocol, hostname, port, host, pathname, search }: URL): string {
  const name = hostname.replace(/^\[|\]$/g, '')
  const secure = protocol === 'https:'
  const asked = { address: name, port: port || (secure ? '443' : '80'), name, host, path: pathname + search }
  return `probe:http?${new URLSearchParams({ ...asked, ...(secure && { secure: '1' }) })}`
}

function noAddress(guest: GuestNow): never {
  throw refusal(
    `the tcp probe of ${guest.title} needs its address, which is not known`,
    'start it and run_discovery, or write an http probe in targets.yaml',
  )
}

function noWay(guest: GuestNow): never {
  throw refusal(
    `the command probe of ${guest.title} needs a way into it: it is no target`,
    'the operator can register it (discovery.register, connection.nodes or discovery.ssh of the cluster)',
  )
}

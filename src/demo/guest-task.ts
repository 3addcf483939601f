import type { GuestKind } from './guest.ts'
import { type Call, text } from './method.ts'
import type { TaskPlan } from './tasks.ts'

/** A task on one guest. */
export interface GuestTask {
  readonly type: string
  readonly vmid: number
  readonly kind: GuestKind
  readonly durationMs: number
  /** Lines that it writes while it runs. */
  readonly log?: readonly string[]
  /** What the guest is locked with while it runs. */
  readonly lock?: string | undefined
  /** What is seen first inside the task, and again at its end: a throw fails it. */
  readonly check?: (() => void) | undefined
  /** Takes back what was to be seen while it ran, when it fails. */
  readonly failed?: TaskPlan['failed']
  readonly apply: NonNullable<TaskPlan['apply']>
}

const lockWaitMs = 10_000
const refusedMs = 200

function refusalOf({ check }: GuestTask): string | undefined {
  try {
    check?.()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Begins a task on a guest and returns its UPID. While another one holds the guest it waits, for 10 s. */
export function beginOnGuest(call: Call, task: GuestTask): string {
  const { world, caller, method, path } = call
  const { type, vmid, kind, log = [], lock, failed } = task
  const now = world.now()
  const freeAt = world.tasks.freeAt(vmid)
  const file = kind === 'lxc' ? `/run/lock/lxc/pve-config-${vmid}.lock` : `/var/lock/qemu-server/lock-${vmid}.conf`
  const name = { node: text(call, 'node') ?? '', type, id: String(vmid), origin: { method, path, user: caller.id } }
  const apply = (at: number) => {
    task.check?.()
    return task.apply(at)
  }
  const waitMs = Math.max(0, freeAt - now)
  const refused = waitMs === 0 ? refusalOf(task) : undefined
  if (refused !== undefined) return world.begin(name, { durationMs: refusedMs, fails: refused, failed }).upid
  const plan =
    waitMs > lockWaitMs
      ? { durationMs: lockWaitMs, fails: `can't lock file '${file}' - got timeout`, log: [] }
      : { durationMs: waitMs + task.durationMs, log, apply, lock, failed }
  return world.begin(name, plan).upid
}

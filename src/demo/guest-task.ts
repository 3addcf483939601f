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
  readonly apply: NonNullable<TaskPlan['apply']>
}

const lockWaitMs = 10_000

/** Begins a task on a guest and returns its UPID. While another one holds the guest it waits, for 10 s. */
export function beginOnGuest(call: Call, task: GuestTask): string {
  const { world, caller, method, path } = call
  const { type, vmid, kind, log = [], apply } = task
  const now = world.now()
  const freeAt = world.tasks.freeAt(vmid)
  const file = kind === 'lxc' ? `/run/lock/lxc/pve-config-${vmid}.lock` : `/var/lock/qemu-server/lock-${vmid}.conf`
  const name = { node: text(call, 'node') ?? '', type, id: String(vmid), origin: { method, path, user: caller.id } }
  const waitMs = Math.max(0, freeAt - now)
  const plan =
    waitMs > lockWaitMs
      ? { durationMs: lockWaitMs, fails: `can't lock file '${file}' - got timeout`, log: [] }
      : { durationMs: waitMs + task.durationMs, log, apply }
  return world.begin(name, plan).upid
}

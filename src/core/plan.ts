import { digestOf } from '../lib/digest.ts'
import { type Json, parseJson } from '../lib/json.ts'
import type { GuestOfCluster } from './guest-of-cluster.ts'
import type { Operation, Outcome } from './operation.ts'

/** What an action intends on one target, as data. It holds no clock and no random ids: the same world gives the same plan. */
export interface Plan {
  /** One line for the person who approves it. */
  readonly summary: string
  /** The facts relied on; read again just before performing. `{ "content": "sha256:…", "path": "/etc/motd" }` */
  readonly basis: Readonly<Record<string, Json>>
  readonly steps: readonly Step[]
  /** What a person should see of the change, e.g. a diff. Shown, not hashed: it follows from the rest. */
  readonly preview?: string | undefined
  /** Of a plan whose guest is snapshotted first: the first step makes the snapshot, the last ones, `checks` of them, test the guest. */
  readonly restorePoint?: RestorePoint | undefined
}

/** A snapshot that a failed change goes back to. */
export interface RestorePoint extends GuestOfCluster {
  /** `web1 (101)` */
  readonly title: string
  readonly snapshot: string
  readonly checks: number
}

/** Steps run in order; a failed one undoes what was done before it, in reverse. */
export interface Step {
  readonly do: Operation
  readonly undo?: Operation | undefined
  /** Its undo takes back whatever later steps did: theirs are not run. */
  readonly undoesLater?: boolean | undefined
  /** What must come true after `undo`, or taking it back has failed. */
  readonly undoUntil?: Until | undefined
  /** What must come true after `do`, or the step has failed. */
  readonly until?: Until | undefined
  /** A cancelled call may stop it half-way. Left out: it runs to its end. */
  readonly interruptible?: boolean | undefined
}

/** Repeats a read until a value in its outcome equals the wanted one. */
export interface Until {
  readonly read: Operation
  /** Where the value stands: `ok`, `status`, `output` (trimmed), or `body.State.Health.Status` in a JSON output. */
  readonly path: string
  readonly equals: Json
  readonly withinMs: number
}

/** A plan and the target it is for. */
export interface TargetPlan {
  readonly target: string
  readonly plan: Plan
}

/** Binds an approval to the exact steps, targets and facts that the approver saw. 64 hexadecimal digits. */
export function planDigest(tool: string, plans: readonly TargetPlan[], version: string): string {
  const bound = plans.map(({ target, plan: { basis, steps, summary } }) => ({ target, summary, basis, steps }))
  return digestOf({ tool, version, plans: bound })
}

/** The facts that differ between two plans, as sentences; steps are named when only they differ. */
export function differences(before: readonly TargetPlan[], after: readonly TargetPlan[]): readonly string[] {
  return before.flatMap(({ target, plan }) => {
    const now = after.find((other) => other.target === target)?.plan
    if (now === undefined) return [`${target} is no longer part of it`]
    const keys = [...new Set([...Object.keys(plan.basis), ...Object.keys(now.basis)])].sort()
    const facts = keys
      .filter((key) => digestOf(plan.basis[key]) !== digestOf(now.basis[key]))
      .map((key) => `${target}: ${key} was ${show(plan.basis[key])}, is ${show(now.basis[key])}`)
    if (facts.length > 0) return facts
    return digestOf(plan.steps) === digestOf(now.steps) ? [] : [`${target}: the steps differ`]
  })
}

const show = (value: Json | undefined): string => (value === undefined ? 'absent' : JSON.stringify(value).slice(0, 120))

/** The value at an `until` path of an outcome, or undefined. */
export function valueAt(outcome: Outcome, path: string): unknown {
  if (path === 'ok') return outcome.ok
  if (path === 'status') return outcome.status
  if (path === 'output') return outcome.output.trim()
  return path.split('.').slice(1).reduce<unknown>(fieldOf, parseJson(outcome.output))
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined

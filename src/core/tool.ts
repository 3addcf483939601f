import type { z } from 'zod'
import type { Capability } from './capability.ts'
import type { Context } from './context.ts'
import type { Outcome } from './operation.ts'
import type { Plan } from './plan.ts'
import type { Target, TargetKind } from './target.ts'

/** A tool either asks (query) or changes (action). An action cannot act: it returns a plan. */
export type Tool = Query | Action

/** How much a call can harm: low, moderate (touches the network), high, critical. */
export type Risk = 'read' | 'probe' | 'write' | 'destructive'

interface Declaration<Input extends z.ZodObject, Output extends z.ZodObject> {
  /** snake_case, unique; also its file name and the key in policy rules and audit records. */
  readonly name: string
  /** Read by the model: one or two sentences. */
  readonly description: string
  /** The right it needs on a target; by kind where kinds differ; `origin`: the right of the call whose handle it is given. */
  readonly capability: Capability | Partial<Readonly<Record<TargetKind, Capability>>> | 'origin'
  /** Kinds of target it works on. The first kind is the default when the caller names no target. */
  readonly targets: readonly [TargetKind, ...TargetKind[]]
  /** Of a tool for Proxmox: the argument that names a guest or node, by which its cluster is found. */
  readonly resource?: string | undefined
  readonly input: Input
  readonly output: Output
}

/** Asks, and changes nothing. */
export interface Query<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject>
  extends Declaration<Input, Output> {
  readonly risk: 'read' | 'probe'
  run(input: z.output<Input>, context: Context): Promise<z.input<Output>>
}

/** Changes something, by a plan that the gateway performs. */
export interface Action<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject>
  extends Declaration<Input, Output> {
  /** The most a call of it can harm; `riskOf` gives this call's. */
  readonly risk: 'write' | 'destructive'
  /** What it changes can be a guest of a Proxmox cluster: callers may ask for `snapshot_first`, a snapshot that a failure goes back to. */
  readonly restorePoint?: true
  /** Of a tool for Proxmox whose `resource` is a guest: it may name several, as `tag:web`, and is then planned for each by its vmid. */
  readonly severalGuests?: true
  riskOf?(input: z.output<Input>, target: Target): Risk
  plan(input: z.output<Input>, context: Context): Promise<Plan>
  /** The answer, from what was planned and what the steps returned. Pure. */
  report(plan: Plan, outcomes: readonly Outcome[]): z.input<Output>
  /** The answer when a step failed, where there is one: a program's exit code and what it printed. Pure. */
  reportFailure?(plan: Plan, outcomes: readonly Outcome[]): z.input<Output> | undefined
}

export function defineTool<I extends z.ZodObject, O extends z.ZodObject>(tool: Query<I, O>): Query<I, O>
export function defineTool<I extends z.ZodObject, O extends z.ZodObject>(tool: Action<I, O>): Action<I, O>
export function defineTool(tool: Tool): Tool {
  return tool
}

export const isAction = (tool: Tool): tool is Action => 'plan' in tool

/** The right a tool needs on a target of this kind; undefined when it follows the call it belongs to. */
export function capabilityOn(tool: Tool, kind: TargetKind): Capability | undefined {
  if (typeof tool.capability === 'object') return tool.capability[kind] ?? tool.capability[reachedLike(kind)]
  return tool.capability === 'origin' ? undefined : tool.capability
}

/** Whether a tool works on targets of this kind; what works over ssh works on a discovered guest. */
export const worksOn = (tool: { readonly targets: readonly string[] }, kind: TargetKind): boolean =>
  tool.targets.includes(kind) || tool.targets.includes(reachedLike(kind))

const reachedLike = (kind: TargetKind): TargetKind => (kind === 'guest' ? 'ssh' : kind)

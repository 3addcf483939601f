import type { Capability } from './capability.ts'
import type { Circumstances, Conditions } from './policy-conditions.ts'
import type { Who } from './policy-who.ts'
import type { Caller, Target } from './target.ts'
import type { Risk } from './tool.ts'

/** Narrows what targets grant. Nothing here can widen it. */
export interface Policy {
  /** Who may do what where. Left out: callers may do what their scopes say. */
  readonly roles?: readonly Role[] | undefined
  readonly rules: readonly Rule[]
}

/** Rights of those who are named by `who`. */
export interface Role {
  readonly id: string
  readonly who: Who
  readonly may: readonly RoleGrant[]
}

/** Rights on some targets; on all where none are named. */
export interface RoleGrant {
  readonly capabilities: readonly Capability[]
  readonly targets?: readonly string[] | undefined
}

/** One line of policy: fits when each of its lists names the call; a list left out names every call. */
export interface Rule {
  readonly id: string
  readonly effect: Effect
  readonly roles?: readonly string[] | undefined
  readonly who?: Who | undefined
  /** Names, or globs: `proxmox_*`. */
  readonly tools?: readonly string[] | undefined
  readonly capabilities?: readonly Capability[] | undefined
  readonly risks?: readonly Risk[] | undefined
  readonly targets?: readonly string[] | undefined
  readonly when?: Conditions | undefined
  /** Fits when these do not all hold. */
  readonly unless?: Conditions | undefined
  /** Of an approve rule. */
  readonly approval?: ApprovalTerms | undefined
}

export type Effect = 'allow' | 'approve' | 'deny'

/** What is asked of an approval. */
export interface ApprovalTerms {
  /** Who may give it: `cli:0`. */
  readonly by?: readonly string[] | undefined
  /** How long it can be used once given. */
  readonly forMs?: number | undefined
}

/** What is asked of policy: may this caller do this on this target? */
export interface Question extends Circumstances {
  readonly caller: Caller
  readonly tool: string
  readonly capability: Capability
  readonly risk: Risk
  readonly target: Target
}

export interface Decision {
  readonly effect: Effect
  /** `grant`, `scope`, `role`, `no-rule`, or the id of the policy rule that decided. */
  readonly rule: string
  readonly reason: string
  readonly hint?: string | undefined
  /** Of `approve`: the terms of every rule that asks for it. */
  readonly terms?: readonly ApprovalTerms[] | undefined
}

import type { Target } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'

/** What a policy is about: the tools of the gateway and the targets of its configuration. */
export interface PolicySurroundings {
  readonly tools: readonly Tool[]
  readonly targets: readonly Target[]
}

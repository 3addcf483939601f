import type { Policy } from '../core/policy.ts'
import type { Tool } from '../core/tool.ts'
import { loadTargets } from './load.ts'
import { loadPolicy } from './load-policy.ts'
import { ownTarget } from './own-target.ts'
import type { PolicySurroundings } from './policy-surroundings.ts'
import type { Problem } from './problem.ts'
import type { TargetsConfig } from './targets-config.ts'

/** What targets.yaml and policy.yaml say together; nothing of it holds when either is wrong. */
export interface LoadedBoth {
  readonly config: TargetsConfig | undefined
  readonly policy: Policy | undefined
  /** Undefined: there is none, or it was not looked at because targets.yaml is wrong. */
  readonly policyFile: string | undefined
  readonly problems: readonly Problem[]
}

/** Reads and checks targets.yaml and the policy that belongs to it. */
export function loadBoth(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  tools: readonly Tool[],
): LoadedBoth {
  const { config, problems } = loadTargets(file, env)
  if (config === undefined) return { config, policy: undefined, policyFile: undefined, problems }
  const loaded = loadPolicy(env, file, surroundingsOf(config, tools))
  return {
    config: loaded.policy && config,
    policy: loaded.policy,
    policyFile: loaded.file,
    problems: [...problems, ...loaded.problems],
  }
}

/** What a policy beside this configuration is about. */
export const surroundingsOf = (config: TargetsConfig, tools: readonly Tool[]): PolicySurroundings => ({
  tools,
  targets: [ownTarget(config), ...config.targets],
})

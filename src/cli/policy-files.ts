import { loadTargets } from '../config/load.ts'
import { surroundingsOf } from '../config/load-both.ts'
import { type LoadedPolicy, loadPolicy, loadPolicyFile } from '../config/load-policy.ts'
import type { PolicySurroundings } from '../config/policy-surroundings.ts'
import { type Problem, severityLine } from '../config/problem.ts'
import { GatewayError } from '../core/errors.ts'
import type { Policy } from '../core/policy.ts'
import { tools } from '../tools/index.ts'
import type { World } from './command.ts'
import { configPath } from './configured.ts'

/** A policy and what it is about. */
export interface PolicyAtHand extends PolicySurroundings {
  readonly policy: Policy
}

/** The policy of a file, or the one in force, with what is wrong with it. @throws GatewayError invalid_config for targets.yaml */
export function loadedPolicy(
  { env, user }: Pick<World, 'env' | 'user'>,
  file: string | undefined,
): { readonly loaded: LoadedPolicy; readonly surroundings: PolicySurroundings } {
  const targetsFile = configPath({ env, user })
  const { config, problems } = loadTargets(targetsFile, env)
  if (config === undefined) throw invalid(problems)
  const surroundings = surroundingsOf(config, tools)
  const loaded =
    file === undefined ? loadPolicy(env, targetsFile, surroundings) : loadPolicyFile(env, file, surroundings)
  return { loaded, surroundings }
}

/** @throws GatewayError invalid_config */
export function policyAtHand(world: Pick<World, 'env' | 'user'>, file: string | undefined): PolicyAtHand {
  const { loaded, surroundings } = loadedPolicy(world, file)
  if (loaded.policy === undefined) throw invalid(loaded.problems)
  return { ...surroundings, policy: loaded.policy }
}

const invalid = (problems: readonly Problem[]): GatewayError =>
  new GatewayError(
    'invalid_config',
    problems
      .filter(({ severity }) => severity === 'error')
      .map(severityLine)
      .join('\n'),
    { hint: 'tailops validate-config checks it' },
  )

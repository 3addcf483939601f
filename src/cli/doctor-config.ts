import { loadBoth } from '../config/load-both.ts'
import { type Problem, problemLine } from '../config/problem.ts'
import { readSettings } from '../config/settings.ts'
import type { TargetsConfig } from '../config/targets-config.ts'
import { tools } from '../tools/index.ts'
import { type Finding, findingsOf } from './doctor-finding.ts'

type Env = Readonly<Record<string, string | undefined>>

const { ok, warning, problem } = findingsOf('config')
const environment = findingsOf('environment')

/** Every problem of targets.yaml and policy.yaml, and what it declares where it can be used. */
export function configFindings(
  file: string,
  env: Env,
): { readonly config: TargetsConfig | undefined; readonly found: readonly Finding[] } {
  const { config, policy, policyFile, problems } = loadBoth(file, env, tools)
  const found = problems.map((one) => {
    const line = lineOf(one)
    return one.severity === 'error' ? problem(line, one.hint) : warning(line, one.hint)
  })
  if (config === undefined) return { config, found }
  const rules = policyFile === undefined ? [] : [ok(`${policyFile}: ${policy?.rules.length ?? 0} rules`)]
  return { config, found: [...found, ok(`${file}: ${config.targets.length} targets`), ...rules] }
}

/** Old names and mistyped ones, and variables of the runtime that change what it does. */
export function environmentFindings(env: Env): readonly Finding[] {
  const { problems, deprecations } = readSettings(env)
  const runtime = Object.keys(env).filter((name) => /^(BUN_|NODE_OPTIONS$|NODE_TLS_REJECT_UNAUTHORIZED$)/.test(name))
  const found = [
    ...problems.map((one) => {
      const line = lineOf(one)
      return one.severity === 'error' ? environment.problem(line, one.hint) : environment.warning(line, one.hint)
    }),
    ...deprecations.map((line) => environment.warning(line, 'tailops migrate writes an environment file of new names')),
    ...runtime
      .toSorted()
      .map((name) =>
        name === 'NODE_TLS_REJECT_UNAUTHORIZED' && env[name] === '0'
          ? environment.problem(
              `${name}=0 takes certificates of anyone`,
              'unset it; name a fingerprint or ca_file at the target',
            )
          : environment.warning(
              `${name} changes how the runtime behaves`,
              `unset ${name}; in a unit: UnsetEnvironment=${name}`,
            ),
      ),
  ]
  return found.length === 0 ? [environment.ok('no old or foreign variables')] : found
}

/** The level says how bad it is, and the fix what to do. */
const lineOf = (one: Problem): string => problemLine({ ...one, hint: '' }).replace(/ — $/, '')

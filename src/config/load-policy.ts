import { lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { defaultPolicy, type Policy } from '../core/policy.ts'
import { checkPolicy } from './policy-check.ts'
import type { PolicySurroundings } from './policy-surroundings.ts'
import type { Problem } from './problem.ts'
import { readTextFile } from './read-text-file.ts'
import { inOrder, located, readYaml, type Source } from './read-yaml.ts'

/** A policy, undefined when there is any error; and every problem, in order of place. */
export interface LoadedPolicy {
  readonly policy: Policy | undefined
  /** Undefined: there is no file, the built-in rules hold. */
  readonly file: string | undefined
  readonly problems: readonly Problem[]
}

type Env = Source['env']

/** `$TAILOPS_POLICY`, else policy.yaml beside targets.yaml. */
export const policyPath = (env: Env, targetsFile: string): string => {
  const named = env['TAILOPS_POLICY']
  return named === undefined || named === '' ? join(dirname(targetsFile), 'policy.yaml') : named
}

/** The policy that belongs to a targets.yaml. A file that is named must be there; without one the default holds. */
export function loadPolicy(env: Env, targetsFile: string, surroundings: PolicySurroundings): LoadedPolicy {
  const file = policyPath(env, targetsFile)
  const isNamed = (env['TAILOPS_POLICY'] ?? '') !== ''
  if (!isNamed && !isThere(file)) return { policy: defaultPolicy, file: undefined, problems: [] }
  return loadPolicyFile(env, file, surroundings)
}

/** Whether there is anything by that name, readable or not: a policy that cannot be read is not as good as none. */
function isThere(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) !== undefined
  } catch {
    // Its folder cannot be looked into: reading it says why.
    return true
  }
}

/** Reads and checks one policy file. */
export function loadPolicyFile(env: Env, file: string, surroundings: PolicySurroundings): LoadedPolicy {
  try {
    return parsePolicy({ file, text: readTextFile(file), env, readFile: readTextFile, top }, surroundings)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const problem = { line: 0, column: 0, what: `cannot be read: ${why}`, hint: 'name a readable file' } as const
    return { policy: undefined, file, problems: [{ severity: 'error', file, ...problem }] }
  }
}

const top = 'version: "1.0" and rules:'

/** Checks the text of a policy. */
export function parsePolicy(source: Source, surroundings: PolicySurroundings): LoadedPolicy {
  const { content, problems } = readYaml({ top, ...source })
  if (content === undefined) return { policy: undefined, file: source.file, problems: inOrder(problems) }
  const { policy, findings } = checkPolicy(content, surroundings)
  const all = inOrder([...problems, ...located(content, findings)])
  const failed = all.some(({ severity }) => severity === 'error')
  return { policy: failed ? undefined : policy, file: source.file, problems: all }
}

import { lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { defaultPolicy, type Policy } from '../core/policy.ts'
import { checkPolicy } from './policy-check.ts'
import { fixturesSchema } from './policy-schema.ts'
import type { PolicySurroundings } from './policy-surroundings.ts'
import { runTests, type TestEnd } from './policy-tests.ts'
import type { Problem } from './problem.ts'
import { readTextFile } from './read-text-file.ts'
import { inOrder, located, readYaml, type Source } from './read-yaml.ts'
import { section } from './section.ts'

/** A policy, undefined when there is any error; and every problem, in order of place. */
export interface LoadedPolicy {
  readonly policy: Policy | undefined
  /** Undefined: there is no file, the built-in rules hold. */
  readonly file: string | undefined
  readonly problems: readonly Problem[]
  /** How its own tests ended; undefined where they could not be asked. */
  readonly tests?: readonly TestEnd[] | undefined
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
  const source = sourceOf(env, file, top)
  return 'what' in source ? { policy: undefined, file, problems: [source] } : parsePolicy(source, surroundings)
}

/** A file that is to be read, or what keeps it from being read. */
function sourceOf(env: Env, file: string, content: string): Source | Problem {
  try {
    return { file, text: readTextFile(file), env, readFile: readTextFile, top: content }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const what = `cannot be read: ${why}`
    return { severity: 'error', file, line: 0, column: 0, what, hint: 'name a readable file' }
  }
}

const top = 'version: "1.0" and rules:'

/** Checks the text of a policy. */
export function parsePolicy(source: Source, surroundings: PolicySurroundings): LoadedPolicy {
  const { content, problems } = readYaml({ top, ...source })
  if (content === undefined) return { policy: undefined, file: source.file, problems: inOrder(problems) }
  const { policy, findings, tests } = checkPolicy(content, surroundings)
  const all = inOrder([...problems, ...located(content, findings)])
  const failed = all.some(({ severity }) => severity === 'error')
  return { policy: failed ? undefined : policy, file: source.file, problems: all, tests }
}

/** Asks a policy the tests of another file. */
export function runFixtures(
  { policy, file, env }: { readonly policy: Policy; readonly file: string; readonly env: Env },
  surroundings: PolicySurroundings,
): { readonly tests: readonly TestEnd[] | undefined; readonly problems: readonly Problem[] } {
  const source = sourceOf(env, file, 'tests:')
  if ('what' in source) return { tests: undefined, problems: [source] }
  const { content, problems } = readYaml(source)
  if (content === undefined) return { tests: undefined, problems: inOrder(problems) }
  const { parsed, findings } = section(fixturesSchema, { ...content, path: [] })
  const tests = parsed && runTests(policy, parsed.tests, surroundings)
  const failed = tests?.flatMap(({ finding }) => finding ?? []) ?? []
  return { tests, problems: inOrder([...problems, ...located(content, [...findings, ...failed])]) }
}

import { runFixtures } from '../config/load-policy.ts'
import type { TestEnd } from '../config/policy-tests.ts'
import { type Problem, severityLine } from '../config/problem.ts'
import type { World } from './command.ts'
import { loadedPolicy } from './policy-files.ts'

/** Runs the tests of a policy, and those of other files where its own hold. Returns the exit code. */
export function testPolicy(world: World, file: string | undefined, fixtures: readonly string[]): number {
  const { loaded, surroundings } = loadedPolicy(world, file)
  const name = loaded.file ?? 'the built-in rules'
  const own = told(world, name, loaded)
  const { policy } = loaded
  if (policy === undefined) {
    if (fixtures.length > 0) world.terminal.err('tailops policy: the other files were not asked\n')
    return own
  }
  const others = fixtures.map((fixture) =>
    told(world, fixture, runFixtures({ policy, file: fixture, env: world.env }, surroundings)),
  )
  return Math.max(own, ...others)
}

interface Tested {
  readonly tests?: readonly TestEnd[] | undefined
  readonly problems: readonly Problem[]
}

/** One line a problem, then the count. */
function told({ terminal }: World, name: string, { tests = [], problems }: Tested): number {
  for (const problem of problems) terminal.out(`${severityLine(problem)}\n`)
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const failed = tests.filter(({ finding }) => finding !== undefined).length
  if (errors > failed) return 78
  terminal.out(`${name}: ${tests.length - failed} of ${tests.length} tests hold\n`)
  return failed > 0 ? 1 : 0
}

import { checkTargets } from './check.ts'
import type { Problem } from './problem.ts'
import { environmentClusters } from './proxmox-env.ts'
import { readTextFile } from './read-text-file.ts'
import { inOrder, located, readYaml, type Source } from './read-yaml.ts'
import type { TargetsConfig } from './targets-config.ts'

type Env = Source['env']

/** The configuration, undefined when there is any error; and every problem, in order of place. */
export interface Loaded {
  readonly config: TargetsConfig | undefined
  readonly problems: readonly Problem[]
}

/** Reads and checks a targets.yaml of this machine, and the clusters of the environment. */
export function loadTargets(file: string, env: Env, readFile: (path: string) => string = readTextFile): Loaded {
  let text: string
  try {
    text = readFile(file)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const what = `cannot be read: ${why}`
    return {
      config: undefined,
      problems: [{ severity: 'error', file, line: 0, column: 0, what, hint: 'name a readable file' }],
    }
  }
  return parseTargets({ file, text, env, readFile })
}

/** Checks the text of a targets.yaml (or JSON) with the clusters of the environment. Never throws. */
export function parseTargets(source: Source): Loaded {
  const tree = readYaml(source)
  if (tree.content === undefined) return { config: undefined, problems: inOrder(tree.problems) }
  const { value, substituted } = tree.content
  const { config, findings } = checkTargets({ file: source.file, home: source.env['HOME'], value, substituted })
  const clusters = environmentClusters(source.env, config.targets)
  const problems = [...inOrder([...tree.problems, ...located(tree.content, findings)]), ...clusters.problems]
  const failed = problems.some(({ severity }) => severity === 'error')
  return { config: failed ? undefined : { ...config, targets: [...config.targets, ...clusters.targets] }, problems }
}

import { loadBoth } from '../config/load-both.ts'
import { type Problem, severityLine } from '../config/problem.ts'
import type { Policy } from '../core/policy.ts'
import { tools } from '../tools/index.ts'
import type { CliCommand, World } from './command.ts'
import { configPath } from './configured.ts'

const usage = `tailops validate-config [FILE] [--json]

Checks targets.yaml, and the policy that belongs to it, and prints every problem: FILE:LINE:COLUMN: error|warning: what — hint.
The policy is $TAILOPS_POLICY or policy.yaml beside FILE; its tests are run. Where FILE is wrong it is not looked at.
Without FILE: $TAILOPS_CONFIG, /etc/tailops/targets.yaml or ~/.config/tailops/targets.yaml.
Exit codes: 0 no errors (there may be warnings), 78 errors, 2 wrong usage.
`

/** `tailops validate-config`: every problem of a configuration at once. */
const validateConfig: CliCommand = {
  usage,
  run: async (argv, world) => {
    const options = argv.filter((word) => word.startsWith('-'))
    const files = argv.filter((word) => !word.startsWith('-'))
    const strange = options.find((option) => option !== '--json')
    if (strange !== undefined || files.length > 1) {
      const what = strange === undefined ? 'more than one FILE' : `unknown option ${strange}`
      world.terminal.err(`${what}\n\n${usage}`)
      return 2
    }
    return check(files[0] ?? configPath(world), options.length > 0 ? 'json' : 'lines', world)
  },
}

export default validateConfig

function check(file: string, form: 'json' | 'lines', { env, terminal }: World): number {
  const { config, policy, policyFile, problems } = loadBoth(file, env, tools)
  const targets = config?.targets.length ?? 0
  const counted = config && `${count(targets, 'target')}${policyFile === undefined ? '' : `, ${rulesIn(policy)}`}`
  const text =
    form === 'json'
      ? JSON.stringify({ file, policy: policyFile, ok: config !== undefined, targets, problems })
      : lines(problems, counted)
  terminal.out(`${text}\n`)
  return config === undefined ? 78 : 0
}

const rulesIn = (policy: Policy | undefined): string => count(policy?.rules.length ?? 0, 'rule')

function lines(problems: readonly Problem[], good: string | undefined): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const warnings = problems.length - errors
  const counted = [errors > 0 ? count(errors, 'error') : '', warnings > 0 ? count(warnings, 'warning') : '']
  const found = counted.filter((part) => part !== '').join(', ')
  const end = good === undefined ? found : `ok: ${good}${found === '' ? '' : `, ${found}`}`
  return [...problems.map(severityLine), end].join('\n')
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

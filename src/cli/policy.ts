import { parseArgs } from 'node:util'
import type { CliCommand, World } from './command.ts'
import { explainPolicy } from './policy-explain.ts'
import { replayPolicy } from './policy-replay.ts'
import { testPolicy } from './policy-test.ts'

const usage = `tailops policy test [--policy=FILE] [FIXTURES …]
tailops policy explain TOOL [--target=ID] [--arguments=JSON] [--as=CALLER] [--login=NAME] [--groups=A,B] [--tags=A,B]
                       [--scopes=A,B] [--at=TIME] [--policy=FILE] [--json]
tailops policy replay [--policy=FILE] [--limit=1000] [--json]

test runs the tests of the policy and of other files with tests:; exit 0 all hold, 1 one does not, 78 a file is wrong.
explain says what the policy says of a call: which rule, why, and what would change it. Without --as: you.
replay asks the policy about the newest calls of the audit log and shows those that it would now decide otherwise.
Without --policy: the one in force, $TAILOPS_POLICY or policy.yaml beside targets.yaml, or else the built-in rules.`

const text = { type: 'string' } as const
const options = {
  policy: text,
  target: text,
  arguments: text,
  as: text,
  login: text,
  groups: text,
  tags: text,
  scopes: text,
  at: text,
  limit: text,
  json: { type: 'boolean', default: false },
} as const

/** What may stand with each action. */
const known: Readonly<Record<string, readonly string[]>> = {
  test: ['policy', 'json'],
  explain: ['policy', 'target', 'arguments', 'as', 'login', 'groups', 'tags', 'scopes', 'at', 'json'],
  replay: ['policy', 'limit', 'json'],
}

const policy: CliCommand = {
  usage,
  async run([verb = '', ...args], world) {
    const allowed = known[verb]
    if (allowed === undefined)
      return misused(world, verb === '' ? 'say what to do' : `no such action: ${JSON.stringify(verb)}`)
    const chosen = Object.fromEntries(Object.entries(options).filter(([name]) => allowed.includes(name)))
    const { positionals } = parseArgs({ args: [...args], options: chosen, allowPositionals: true })
    const { values } = parseArgs({ args: [...args], options, allowPositionals: true })
    if (verb === 'test') return testPolicy(world, values.policy, positionals)
    const [tool, ...more] = positionals
    if (verb === 'replay')
      return tool === undefined ? replayPolicy(world, values) : misused(world, 'replay takes no names')
    if (tool === undefined || more.length > 0) return misused(world, 'explain takes one tool')
    return explainPolicy(world, tool, values)
  },
}

export default policy

function misused({ terminal }: World, what: string): number {
  terminal.err(`tailops policy: ${what}\n\n${usage}\n`)
  return 2
}

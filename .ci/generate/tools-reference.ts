import { isAction, type Risk, type Tool } from '../../src/core/tool.ts'
import { type Argument, argumentsOf } from './json-schema.ts'

const harm: Readonly<Record<Risk, string>> = { read: 'low', probe: 'moderate', write: 'high', destructive: 'critical' }

/** docs/tools.md: every tool with its right, its risk and its arguments. */
export function toolsReference(tools: readonly Tool[]): string {
  const rows = tools.map((tool) => [
    `[${tool.name}](#${tool.name})`,
    capabilityText(tool),
    harm[tool.risk],
    tool.targets.join(', '),
  ])
  return `${[introduction, table(['Tool', 'Right', 'Risk', 'Targets'], rows), ...tools.map(section)].join('\n\n')}\n`
}

const introduction = `# Tools

Generated from the declarations in src/tools. Risk: **low** reads · **moderate** touches the network · **high** changes something ·
**critical** can lose data or cut a machine off. A tool of high or critical risk only makes a plan; the gateway performs it.

Every tool also takes \`targets\` (ids; left out: the only or default one). Reading tools take \`format\` (toon, json). Changing
tools take \`dry_run\` (show the plan, do nothing), \`approval\` (the id that a person approved), \`request_id\` (makes a repeated
call harmless) and \`batch\` (\`{size, max_failures}\`, for many targets).`

function section(tool: Tool): string {
  const { name, description, targets, risk, input } = tool
  const facts = `**Right** ${capabilityText(tool)} · **Risk** ${harm[risk]} · **Targets** ${targets.join(', ')} · ${isAction(tool) ? 'changes' : 'reads'}`
  const args = argumentsOf(input)
  const rows = args.map(row)
  return [
    `## ${name}`,
    description,
    facts,
    rows.length === 0 ? 'No arguments of its own.' : table(['Argument', 'Type', 'Default', 'Meaning'], rows),
  ].join('\n\n')
}

const row = ({ name, type, required, fallback, description }: Argument): readonly string[] => [
  `\`${name}\``,
  type,
  required ? 'required' : (fallback ?? ''),
  description,
]

function capabilityText({ capability }: Tool): string {
  if (capability === 'origin') return 'that of the call it belongs to'
  if (typeof capability === 'string') return `\`${capability}\``
  return Object.entries(capability)
    .map(([kind, right]) => `\`${right}\` (${kind})`)
    .join(', ')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows]
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`)
    .join('\n')
}

import { isAction, type Risk, type Tool } from '../../src/core/tool.ts'
import { commonFor } from '../../src/server/arguments.ts'
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
  const derived = new Map(tools.flatMap((tool) => argumentsOf(commonFor(tool))).map((field) => [field.name, field]))
  return `${[
    introduction,
    table(['Tool', 'Right', 'Risk', 'Targets'], rows),
    '## Arguments that tools of a sort share',
    argumentTable([...derived.values()]),
    ...tools.map(section),
  ].join('\n\n')}\n`
}

const introduction = `# Tools

Generated from the declarations in src/tools. Risk: **low** reads · **moderate** touches the network · **high** changes something ·
**critical** can lose data or cut a machine off. A tool of high or critical risk only makes a plan; the gateway performs it.`

function section(tool: Tool): string {
  const { name, description, targets, risk, input } = tool
  const facts = [
    `**Right** ${capabilityText(tool)}`,
    `**Risk** ${harm[risk]}`,
    `**Targets** ${targets.join(', ')}`,
    isAction(tool) ? 'changes' : 'reads',
  ]
  const own = argumentsOf(input)
  const shared = argumentsOf(commonFor(tool)).map((field) => `\`${field.name}\``)
  return [
    `## ${name}`,
    description,
    facts.join(' · '),
    own.length === 0 ? 'No arguments of its own.' : argumentTable(own),
    ...(shared.length === 0 ? [] : [`Also ${shared.join(', ')}.`]),
  ].join('\n\n')
}

const argumentTable = (fields: readonly Argument[]): string =>
  table(['Argument', 'Type', 'Default', 'Meaning'], fields.map(row))

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

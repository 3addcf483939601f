import type { z } from 'zod'
import type { Rule } from '../core/policy.ts'
import type { ArgumentCondition, Conditions } from '../core/policy-conditions.ts'
import type { Tool } from '../core/tool.ts'
import type { PolicySurroundings } from './policy-surroundings.ts'
import { toolsNamed } from './policy-tools.ts'
import { type Finding, type Path, quoted } from './problem.ts'
import { bare, child, keysOf, schemaAt } from './schema-walk.ts'
import { suggest } from './suggest.ts'

/** Conditions of a rule that no call of its tools could meet or miss: they would do nothing, or not what they say. */
export function conditionFindings(
  path: Path,
  rule: Pick<Rule, 'tools' | 'when' | 'unless'>,
  surroundings: PolicySurroundings,
): readonly Finding[] {
  return (['when', 'unless'] as const).flatMap((key) => {
    const conditions = rule[key]
    if (conditions === undefined) return []
    const place = [...path, key]
    if (rule.tools === undefined && asksOfTools(conditions)) {
      const hint = 'add tools: with the tools whose arguments are meant'
      return [failure(place, 'asks for arguments, but the rule names no tools', hint)]
    }
    const tools = toolsNamed(surroundings, rule.tools)
    return [
      ...Object.entries(conditions.arguments ?? {}).flatMap(([name, condition]) =>
        tools.flatMap((tool) => argumentFindings([...place, 'arguments', name], { tool, name, condition })).slice(0, 1),
      ),
      ...tools.flatMap((tool) => commandFindings([...place, 'commands'], tool, conditions)).slice(0, 1),
      ...tools.flatMap((tool) => guestFindings([...place, 'guests'], tool, conditions)).slice(0, 1),
    ]
  })
}

const asksOfTools = ({ arguments: asked, commands, guests }: Conditions): boolean =>
  asked !== undefined || commands !== undefined || guests !== undefined

const failure = (path: Path, what: string, hint: string): Finding => ({
  severity: 'error',
  path,
  what: `${String(path.at(-1))} ${what}`,
  hint,
})

interface Asked {
  readonly tool: Tool
  readonly name: string
  readonly condition: ArgumentCondition
}

function argumentFindings(path: Path, { tool, name, condition }: Asked): readonly Finding[] {
  const parts = name.split('.')
  const schema = schemaAt(tool.input, parts)
  if (schema === undefined) {
    const known = keysOf(tool.input) ?? []
    const near = suggest(name, known)
    const hint = near === undefined ? `it takes ${known.join(', ') || 'no arguments'}` : `did you mean ${near}?`
    return [failure(path, `is no argument of ${tool.name}`, hint)]
  }
  if (namesGuest(tool) && name === tool.resource)
    return [failure(path, 'has more than one spelling for one guest', 'write guests: beside arguments: instead')]
  if (name === 'argv')
    return [failure(path, 'is a program and its arguments', 'write commands: beside arguments: instead')]
  const type = valueType(schema)
  const [wrong] = Object.keys(condition).filter((operator) => !(fitting[operator]?.includes(type) ?? true))
  if (wrong === undefined) return isFindings(path, condition, type)
  return [failure(path, `of ${tool.name} is a ${type}: ${wrong} does not apply`, `use ${operatorsOf(type).join(', ')}`)]
}

/** `is` with values that the argument never has. */
function isFindings(path: Path, { is = [] }: ArgumentCondition, type: ValueType): readonly Finding[] {
  const wrong = is.find((value) => type !== 'value' && typeof value !== type)
  if (wrong === undefined) return []
  return [
    failure(
      [...path, 'is'],
      `${quoted(wrong)} is no ${type}`,
      type === 'string' ? 'put it in quotes' : `write a ${type}`,
    ),
  ]
}

type ValueType = 'string' | 'number' | 'boolean' | 'value'

const fitting: Readonly<Record<string, readonly ValueType[]>> = {
  matches: ['string', 'value'],
  under: ['string', 'value'],
  within: ['string', 'value'],
  min: ['number', 'value'],
  max: ['number', 'value'],
}

const operatorsOf = (type: ValueType): readonly string[] => [
  'is',
  ...Object.keys(fitting).filter((operator) => fitting[operator]?.includes(type) === true),
]

/** What a value of an argument is; of a list, what its values are. */
function valueType(schema: z.core.$ZodType): ValueType {
  const plain = bare(schema)
  const { type } = plain._zod.def
  if (type === 'array') {
    const element = child(plain, 0)
    return element === undefined ? 'value' : valueType(element)
  }
  if (type === 'enum') return 'string'
  return type === 'string' || type === 'number' || type === 'boolean' ? type : 'value'
}

const commandFindings = (path: Path, { name, input }: Tool, { commands }: Conditions): readonly Finding[] =>
  commands === undefined || child(input, 'argv') !== undefined
    ? []
    : [
        failure(
          path,
          `does not apply to ${name}, which runs no program of the caller`,
          'name run_command or proxmox_exec',
        ),
      ]

function guestFindings(path: Path, tool: Tool, { guests = [] }: Conditions): readonly Finding[] {
  const strange = guests.find((selector) => /[:/]/.test(selector) && !/^(tag|pool):./.test(selector))
  if (strange !== undefined)
    return [
      failure(
        path,
        `has ${quoted(strange)}, which names no guest`,
        'write its vmid or name, and its cluster under targets',
      ),
    ]
  return guests.length === 0 || namesGuest(tool)
    ? []
    : [failure(path, `does not apply to ${tool.name}, which names no guest`, 'name targets instead, or other tools')]
}

/** Whether a tool has an argument that names a guest. */
const namesGuest = ({ resource }: Tool): boolean => resource === 'guest'

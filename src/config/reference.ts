import { z } from 'zod'
import { policySchema, ruleSchema } from './policy-schema.ts'
import { executorKinds, fileSchema, gatewaySchema, isExecutorKind, targetSchemas } from './schema.ts'
import { bare, defaultOf, notes } from './schema-walk.ts'

type Schema = z.core.$ZodType

interface Row {
  readonly key: string
  readonly schema: Schema
}

/** docs/targets.md: every key of targets.yaml as tables, from the schemas. */
export function targetsReference(): string {
  const common = rowsOf(targetSchemas.local, '').filter(({ key }) => key !== 'executor' && key !== 'connection')
  const shared = new Set(common.map(({ key }) => key))
  const kinds = executorKinds.filter(isExecutorKind).flatMap((kind) => {
    const schema = targetSchemas[kind]
    const own = rowsOf(schema, '').filter(({ key }) => !shared.has(key) && key !== 'executor')
    return [`## \`executor: ${kind}\``, meaningOf(schema.shape.executor), ...(own.length === 0 ? [] : [table(own)])]
  })
  return `${[
    '# targets.yaml',
    introduction,
    '## The file',
    table(rowsOf(fileSchema, '').filter(({ key }) => !key.startsWith('gateway'))),
    '## `gateway`',
    table(rowsOf(gatewaySchema, 'gateway.')),
    '## Every target',
    'Below `targets.<id>`. Only `executor` is required.',
    table([{ key: 'executor', schema: anyExecutor }, ...common]),
    ...kinds,
  ].join('\n\n')}\n`
}

/** docs/policy-reference.md: every key of policy.yaml as tables, from the schemas. */
export function policyReference(): string {
  const { roles, rules, tests } = policySchema.shape
  const top = rowsOf(policySchema, '').filter(({ key }) => !/[.[]/.test(key))
  const ruleRows = rowsBelow(rules, 'rules').filter(({ key }) => !key.startsWith('rules[].unless'))
  return `${[
    '# policy.yaml',
    policyIntroduction,
    table(top),
    '## `roles`',
    table(rowsBelow(roles, 'roles')),
    '## `rules`',
    table([...ruleRows, { key: 'rules[].unless', schema: ruleSchema.shape.unless }]),
    '## `tests`',
    table(rowsBelow(tests, 'tests')),
  ].join('\n\n')}\n`
}

const policyIntroduction = `Generated from the schemas; [policy.md](policy.md) explains it, \`tailops validate-config\` checks it. Variables and files stand in it
as in [targets.yaml](targets.md). Every key that is mistyped is an error. Where a list has one value it may be written without brackets.`

const introduction = `Generated from the schemas; check a file with \`tailops validate-config FILE\`.

In every text value \`\${VAR}\` and \`\${VAR:-default}\` stand for an environment variable (one that is not set is an error),
\`file:/path\` for the content of a file, \`$\${\` for \`\${\` itself. A mistyped key is an error in capabilities, constraints,
tls and endpoints, and a warning elsewhere. Relative paths count from the folder of the file; \`~/\` is the home of the gateway's user.
JSON is accepted too. A \`local\` or \`ssh\` target that grants \`container:*\` also yields a docker target \`<id>/docker\`.`

const anyExecutor = z.enum(executorKinds).describe('How the target is reached.')

function rowsOf(schema: Schema, prefix: string): readonly Row[] {
  const plain = bare(schema)
  if (!(plain instanceof z.ZodObject)) return []
  return Object.entries(plain.shape).flatMap(([name, field]: readonly [string, Schema]) => {
    const key = `${prefix}${name}`
    if (notes(field).unused !== undefined) return []
    const below = rowsBelow(field, key)
    return below.length > 0 && bare(field) instanceof z.ZodObject ? below : [{ key, schema: field }, ...below]
  })
}

function rowsBelow(field: Schema, key: string): readonly Row[] {
  const plain = bare(field)
  if (plain instanceof z.ZodArray) return rowsOf(plain.element, `${key}[].`)
  if (plain instanceof z.ZodRecord) return rowsOf(plain.valueType, `${key}.<name>.`)
  return rowsOf(plain, `${key}.`)
}

const table = (rows: readonly Row[]): string =>
  ['| key | type | default | meaning |', '|---|---|---|---|', ...rows.map(line)].join('\n')

function line({ key, schema }: Row): string {
  const given = defaultOf(schema)
  const shown = given === undefined ? '' : `\`${JSON.stringify(given)}\``
  return `| \`${key}\` | ${cell(typeOf(schema))} | ${cell(shown)} | ${cell(meaningOf(schema))} |`
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

const meaningOf = (schema: Schema): string => notes(schema).description ?? ''

function typeOf(schema: Schema): string {
  const named = notes(schema).type
  if (named !== undefined) return named
  const plain = bare(schema)
  if (plain instanceof z.ZodEnum) return plain.options.join(' | ')
  if (plain instanceof z.ZodArray) return `list of ${typeOf(plain.element)}`
  if (plain instanceof z.ZodRecord) return `map of ${typeOf(plain.valueType)}`
  if (plain instanceof z.ZodNumber) return plain.format === 'safeint' ? 'whole number' : 'number'
  if (plain instanceof z.ZodBoolean) return 'boolean'
  return plain instanceof z.ZodObject ? 'map' : 'text'
}

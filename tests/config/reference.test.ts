import { expect, test } from 'bun:test'
import { z } from 'zod'
import { policySchema } from '../../src/config/policy-schema.ts'
import { policyReference, targetsReference } from '../../src/config/reference.ts'
import { fileSchema, targetSchemas } from '../../src/config/schema.ts'
import { bare, notes } from '../../src/config/schema-walk.ts'

test('the reference has a table for every executor', () => {
  const text = targetsReference()
  for (const kind of Object.keys(targetSchemas)) expect(text).toContain(`## \`executor: ${kind}\``)
  expect(text).toContain('| `connection.key_path` | path |  | Private key file. |')
  expect(text).toContain('| `constraints.timeout` | seconds | `30` |')
  expect(text).toContain('`endpoints.<name>.parameters.<name>.type`')
})

test('the reference of policy.yaml has every key of a rule', () => {
  const text = policyReference()
  for (const key of [
    'rules[].when.arguments.<name>.under',
    'rules[].approval.by',
    'tests[].expect',
    'roles.<name>.may',
  ])
    expect(text).toContain(`| \`${key}`)
})

test('every key says what it means', () => {
  const silent = [fileSchema, policySchema, ...Object.values(targetSchemas)].flatMap((schema) =>
    undescribed(schema, ''),
  )
  expect(silent).toEqual([])
})

function undescribed(schema: z.core.$ZodType, prefix: string): readonly string[] {
  const plain = bare(schema)
  if (plain instanceof z.ZodArray) return undescribed(plain.element, `${prefix}[]`)
  if (plain instanceof z.ZodRecord) return undescribed(plain.valueType, `${prefix}.*`)
  if (!(plain instanceof z.ZodObject)) return []
  return Object.entries(plain.shape).flatMap(([key, field]: readonly [string, z.core.$ZodType]) => [
    ...(notes(field).description === undefined ? [`${prefix}.${key}`] : []),
    ...undescribed(field, `${prefix}.${key}`),
  ])
}

import { z } from 'zod'

/** One argument as the references show it. */
export interface Argument {
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly fallback: string | undefined
  readonly description: string
}

type Schema = z.core.JSONSchema.BaseSchema

/** The arguments of a zod object, in the order of their declaration. */
export function argumentsOf(input: z.ZodObject): readonly Argument[] {
  return argumentsIn(z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }))
}

/** The arguments that a JSON Schema object names. */
export function argumentsIn(schema: Schema): readonly Argument[] {
  return Object.entries(schema.properties ?? {}).map(([name, field]) => ({
    name,
    type: typeOf(field),
    required: schema.required?.includes(name) ?? false,
    fallback: typeof field === 'object' && field.default !== undefined ? JSON.stringify(field.default) : undefined,
    description: typeof field === 'object' ? (field.description ?? field.$comment ?? '') : '',
  }))
}

function typeOf(field: Schema | boolean): string {
  if (typeof field === 'boolean') return 'any'
  if (field.const !== undefined) return JSON.stringify(field.const)
  if (field.enum !== undefined) return field.enum.map((value) => JSON.stringify(value)).join(', ')
  const union = field.anyOf ?? field.oneOf
  if (union !== undefined) return union.map(typeOf).join(' or ')
  if (field.type === 'array') return `list of ${Array.isArray(field.items) ? 'any' : typeOf(field.items ?? {})}`
  const [from, to] = [field.minimum ?? field.minLength, field.maximum ?? field.maxLength]
  const bounds = to === undefined || to >= Number.MAX_SAFE_INTEGER ? '' : ` ${from ?? 0}–${to}`
  return `${field.type ?? 'any'}${bounds}`
}

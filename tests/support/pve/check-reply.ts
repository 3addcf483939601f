import { regex } from './check-scalar.ts'
import { isOptional, type Property } from './property.ts'

/** What is wrong with a value by its documented type. Perl writes numbers as text at times and undef for what is not known. */
export function checkReply(property: Property, value: unknown, at: string): readonly string[] {
  switch (property.type) {
    case 'null':
      return value === null ? [] : [`${at}: not null`]
    case 'array':
      return Array.isArray(value)
        ? value.flatMap((one, index) => checkReply(property.items ?? {}, one, `${at}[${index}]`))
        : [`${at}: no list`]
    case 'object':
      return checkObject(property, value, at)
    default:
      return checkValue(property, value, at)
  }
}

function checkObject({ properties = {} }: Property, value: unknown, at: string): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at}: no object`]
  const fields = new Map(Object.entries(value))
  return Object.entries(properties).flatMap(([name, property]) => {
    const field = fields.get(name)
    if (field !== undefined && !(field === null && isOptional(property)))
      return checkReply(property, field, `${at}.${name}`)
    return isOptional(property) || field === null ? [] : [`${at}.${name}: missing`]
  })
}

const isNumeric = (value: unknown) =>
  typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value))

function checkValue(property: Property, value: unknown, at: string): readonly string[] {
  const { type, minimum, maximum, pattern, enum: allowed } = property
  const wrong = (what: string) => [`${at}: ${what}: ${JSON.stringify(value)}`]
  if (type === 'boolean') return value === 0 || value === 1 || value === '0' || value === '1' ? [] : wrong('no 0 or 1')
  if (type === 'integer' && !(isNumeric(value) && Number.isInteger(Number(value)))) return wrong('no integer')
  if (type === 'number' && !isNumeric(value)) return wrong('no number')
  if (type === 'string' && typeof value !== 'string' && typeof value !== 'number') return wrong('no text')
  if (minimum !== undefined && Number(value) < Number(minimum)) return wrong(`below ${minimum}`)
  if (maximum !== undefined && Number(value) > Number(maximum)) return wrong(`above ${maximum}`)
  if (allowed !== undefined && !allowed.includes(String(value))) return wrong('not in the enumeration')
  if (pattern !== undefined && !regex(pattern).test(String(value))) return wrong('does not match the pattern')
  return []
}

import type { Property } from './property.ts'

/** What is wrong with one parameter as text, in Proxmox VE's words (PVE::JSONSchema). */
export function checkScalar(property: Property, value: string): string | undefined {
  return (
    wrongType(property, value) ??
    wrongFormat(property, value) ??
    wrongText(property, value) ??
    wrongNumber(property, value)
  )
}

const types: Readonly<Record<string, RegExp>> = {
  integer: /^[+-]?\d+$/,
  number: /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d+)?$/,
  boolean: /^(?:0|1|on|off|yes|no|true|false)$/i,
}

function wrongType({ type = 'string' }: Property, value: string): string | undefined {
  return types[type]?.test(value) === false ? `type check ('${type}') failed - got '${value}'` : undefined
}

/** The formats that our requests meet. Others are taken as they are. */
const formats: Readonly<Record<string, readonly [RegExp, string]>> = {
  'pve-vmid': [/^[1-9][0-9]{2,8}$/, 'value does not look like a valid VM ID'],
  'pve-node': [/^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/, 'value does not look like a valid node name'],
  'pve-storage-id': [/^[a-z][a-z0-9\-_.]*[a-z0-9]$/i, 'storage ID contains illegal characters'],
  'pve-configid': [/^[a-z][a-z0-9_-]+$/i, 'invalid configuration ID'],
  'pve-poolid': [/^[A-Za-z0-9.\-_]+(?:\/[A-Za-z0-9.\-_]+){0,2}$/, 'value contains invalid characters'],
  'pve-realm': [/^[A-Za-z][A-Za-z0-9.\-_]+$/, 'value does not look like a valid realm'],
  'pve-storage-content': [/^(?:images|rootdir|vztmpl|iso|backup|snippets|import|none)$/, 'invalid content type'],
  'pve-userid': [/^[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+$/, 'value does not look like a valid user name'],
  'dns-name': [
    /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9-]+)*$/,
    'value does not look like a valid DNS name',
  ],
}

function wrongFormat({ format }: Property, value: string): string | undefined {
  if (typeof format !== 'string') return undefined
  const one = format.replace(/-list$/, '')
  const [form, why] = formats[one] ?? []
  const parts = one === format ? [value] : value.split(/[,;\s]+/)
  return form === undefined || parts.every((part) => form.test(part)) ? undefined : `invalid format - ${why}\n`
}

function wrongText(property: Property, value: string): string | undefined {
  const { pattern, enum: allowed, minLength, maxLength } = property
  if (maxLength !== undefined && value.length > maxLength) return `value may only be ${maxLength} characters long`
  if (minLength !== undefined && value.length < minLength) return `value must be at least ${minLength} characters long`
  if (pattern !== undefined && !regex(pattern).test(value)) return 'value does not match the regex pattern'
  if (allowed === undefined || allowed.includes(value)) return undefined
  return `value '${value}' does not have a value in the enumeration '${allowed.join(', ')}'`
}

function wrongNumber({ type, minimum, maximum }: Property, value: string): string | undefined {
  if (type !== 'integer' && type !== 'number') return undefined
  if (minimum !== undefined && Number(value) < Number(minimum)) return `value must have a minimum value of ${minimum}`
  if (maximum !== undefined && Number(value) > Number(maximum)) return `value must have a maximum value of ${maximum}`
  return undefined
}

/** A pattern of Perl as one of ours, from the first to the last character. */
export const regex = (pattern: string): RegExp => new RegExp(`^(?:${pattern.replaceAll(/\(\?\^[a-z]*:/g, '(?:')})$`)

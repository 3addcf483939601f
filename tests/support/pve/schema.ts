import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Parameter } from '../../../src/demo/method.ts'
import { checkReply } from './check-reply.ts'
import { checkScalar } from './check-scalar.ts'
import { isOptional, type Property } from './property.ts'

/** A method of the official schema. */
export interface DocumentedMethod {
  readonly parameters?: Readonly<Record<string, Property>> | null
  readonly returns?: Property | null
  readonly permissions?: unknown
  readonly proxyto?: string
  readonly allowtoken?: number
}

/** `{'/version': {GET: …}}` */
export type Documented = Readonly<Record<string, Readonly<Record<string, DocumentedMethod>>>>

/** Where schema and recordings lie. */
export const pveFixtures = join(import.meta.dirname, '../../fixtures/pve')

// The file is ours and has this shape; a check of half a megabyte at each start would prove nothing.
/** The official schema of Proxmox VE 9.2. */
export const documented = JSON.parse(readFileSync(join(pveFixtures, 'api.json'), 'utf8')) as Documented

const templates = Object.keys(documented).map((path) => ({ path, parts: path.split('/') }))

/** The documented path that an asked one is of: `/nodes/pve1/status` → `/nodes/{node}/status`; without parameters first. */
export function documentedPath(asked: string): string | undefined {
  const parts = asked.split('/')
  const fits = templates.filter(
    (template) =>
      template.parts.length === parts.length &&
      template.parts.every((part, index) => part === parts[index] || (part.startsWith('{') && parts[index] !== '')),
  )
  return fits.sort((a, b) => a.path.split('{').length - b.path.split('{').length)[0]?.path
}

/** What is wrong with the parameters of a request, by name and in Proxmox VE's words; those of the path are among them. */
export function checkRequest(
  method: string,
  path: string,
  params: Readonly<Record<string, Parameter>>,
): Readonly<Record<string, string>> | undefined {
  const known = documented[path]?.[method]?.parameters ?? {}
  const wrong: Record<string, string> = {}
  for (const [name, value] of Object.entries(params)) {
    const why = wrongParameter(propertyOf(known, name), value)
    if (why !== undefined) wrong[name] = why
    const needs = propertyOf(known, name)?.requires
    if (needs !== undefined && params[needs] === undefined)
      wrong[needs] = `missing property - '${name}' requires this property`
  }
  for (const [name, property] of Object.entries(known)) {
    if (!isOptional(property) && params[name] === undefined) wrong[name] = 'property is missing and it is not optional'
  }
  return Object.keys(wrong).length === 0 ? undefined : wrong
}

const unknownParameter = 'property is not defined in schema and the schema does not allow additional properties'

function wrongParameter(property: Property | undefined, value: Parameter): string | undefined {
  if (property === undefined) return unknownParameter
  const values = typeof value === 'string' ? [value] : value
  const each = property.type === 'array' ? (property.items ?? {}) : property
  if (property.type !== 'array' && values.length > 1)
    return `type check ('${property.type ?? 'string'}') failed - got array`
  return values.map((one) => checkScalar(each, one)).find((why) => why !== undefined)
}

/** `net0` is declared as `net[n]`. */
const propertyOf = (known: Readonly<Record<string, Property>>, name: string): Property | undefined =>
  known[name] ?? known[name.replace(/\d+$/, '[n]')]

/** What is wrong with a reply's data by the documented type: `data[3].cpu: …`. A stopped container has no list of interfaces, as recorded. */
export function checkReplyOf(method: string, path: string, data: unknown): readonly string[] {
  const returns = documented[path]?.[method]?.returns
  const isRecorded = data === null && path === '/nodes/{node}/lxc/{vmid}/interfaces'
  return returns === undefined || returns === null || isRecorded ? [] : checkReply(returns, data, 'data')
}

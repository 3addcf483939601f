import { z } from 'zod'

/** Where a hostile value leaves its mark when something runs it, and what must never be seen. */
export interface Traps {
  /** Relative: stands in the folder in which programs are started. */
  readonly marker: string
  /** A file beside the folder that may be read. */
  readonly secretFile: string
  /** A folder that may be read. */
  readonly root: string
}

/** Values that somebody else's shell, program, path, header or terminal would obey. */
export function hostileValues({ marker, secretFile, root }: Traps): readonly string[] {
  return [
    '--help',
    '--version',
    '-',
    '--',
    `-oProxyCommand=touch ${marker}`,
    `--rsh=touch ${marker}`,
    `--use-compress-program=touch ${marker}`,
    `; touch ${marker}`,
    `$(touch ${marker})`,
    `\`touch ${marker}\``,
    `\ntouch ${marker}\n`,
    `| touch ${marker}`,
    `& touch ${marker} &`,
    `'; touch ${marker}; '`,
    `"; touch ${marker}; "`,
    `\${IFS}touch\${IFS}${marker}`,
    '../../../../../../etc/passwd',
    '..',
    '.',
    '/',
    secretFile,
    `${root}/../beside.log`,
    `${root}/link`,
    '/proc/self/environ',
    `file://${secretFile}`,
    '%2e%2e/%2e%2e/access/users',
    '..%2f..%2faccess%2fusers',
    '..\\..\\windows',
    'web/../../../access/users',
    '101/config',
    '?force=1&purge=1',
    '#end',
    `a\0b`,
    'a\r\nX-Injected: yes\r\n\r\n',
    '\u001b]0;owned\u0007\u001b[31mred',
    '\u202egnp.exe',
    '__proto__',
    'constructor',
    '',
    ' ',
    '*',
    '0',
    '1e308',
    'a'.repeat(100_000),
  ]
}

/** One place in the arguments of a tool where a string goes: `argv`, `argv[]`, `set{}`, or `set{key}`. */
export interface Slot {
  readonly name: string
  readonly place: 'value' | 'element' | 'record value' | 'record key'
}

interface Shape {
  readonly type?: string | readonly string[] | undefined
  readonly anyOf?: readonly Shape[] | undefined
  readonly items?: Shape | undefined
  readonly additionalProperties?: Shape | boolean | undefined
}
const shape: z.ZodType<Shape> = z.lazy(() =>
  z.object({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    anyOf: z.array(shape).optional(),
    items: shape.optional(),
    additionalProperties: z.union([z.boolean(), shape]).optional(),
  }),
)
const objectShape = z.object({ properties: z.record(z.string(), shape) })

/** Every place for a string in these arguments, also those that take only a few words. */
export function slotsOf(input: z.ZodObject): readonly Slot[] {
  const { properties } = objectShape.parse(z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }))
  return Object.entries(properties).flatMap(([name, property]): readonly Slot[] => {
    if (takesText(property)) return [{ name, place: 'value' }]
    if (property.items !== undefined && takesText(property.items)) return [{ name, place: 'element' }]
    if (property.type !== 'object') return []
    return [
      { name, place: 'record value' },
      { name, place: 'record key' },
    ]
  })
}

const takesText = ({ type, anyOf = [] }: Shape): boolean => [type].flat().includes('string') || anyOf.some(takesText)

/** These arguments with the value in the slot: alone, and behind what stands there. */
export function withHostile(
  valid: Readonly<Record<string, unknown>>,
  { name, place }: Slot,
  value: string,
): readonly Readonly<Record<string, unknown>>[] {
  const now = valid[name]
  const put = (text: unknown) => ({ ...valid, [name]: text })
  if (place === 'value') return typeof now === 'string' ? [put(value), put(now + value)] : [put(value)]
  if (place === 'record value') return Object.keys(Object(now)).map((key) => put({ ...Object(now), [key]: value }))
  if (place === 'record key') return [put({ ...Object(now), [value]: 'x' })]
  const list: readonly unknown[] = Array.isArray(now) ? now : []
  const [first] = list
  return [put([value]), put([...list, value]), ...(typeof first === 'string' ? [put([first + value])] : [])]
}

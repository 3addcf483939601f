import { matchesGlob } from '../lib/glob.ts'
import { isWithin, parseAddress } from './ip-network.ts'
import { isInWindow, type TimeWindow } from './policy-times.ts'
import type { CommandRule } from './target.ts'

/** What a rule asks of a call beside who, what and where. All that is given must hold. */
export interface Conditions {
  /** By the name of an argument; `set.cores` for a key within one. */
  readonly arguments?: Readonly<Record<string, ArgumentCondition>> | undefined
  /** Of an argument `argv`: one of these programs, with these arguments. */
  readonly commands?: readonly CommandRule[] | undefined
  /** Of an argument that names guests of a Proxmox cluster: names, vmids, `tag:x`, `pool:x`, globs. */
  readonly guests?: readonly string[] | undefined
  readonly times?: readonly TimeWindow[] | undefined
}

/** What is asked of the value of an argument, or of each value of a list. All that is given must hold. */
export interface ArgumentCondition {
  readonly is?: readonly (string | number | boolean)[] | undefined
  /** Of text: an anchored regular expression. */
  readonly matches?: string | undefined
  readonly min?: number | undefined
  readonly max?: number | undefined
  /** Of a path: below one of these folders. */
  readonly under?: readonly string[] | undefined
  /** Of an address or URL: inside one of these networks. */
  readonly within?: readonly string[] | undefined
}

/** A guest of a Proxmox cluster as rules see it, once it is known which one is meant. */
export interface GuestFacts {
  readonly vmid: number
  readonly name?: string | undefined
  readonly tags: readonly string[]
  readonly pool?: string | undefined
}

/** What is known of a call when its conditions are asked. */
export interface Circumstances {
  readonly at: Date
  /** The parsed arguments; undefined where no particular call is meant. */
  readonly input?: Readonly<Record<string, unknown>> | undefined
  /** The guest meant; undefined while that is not known, `none` where the call names none. */
  readonly guest?: GuestFacts | 'none' | undefined
}

/**
 * `maybe`: some values fit and some do not, or it cannot be told: nothing is allowed by it, and what it restricts is
 * restricted. `open`: not asked yet.
 */
export type Fit = 'yes' | 'no' | 'maybe' | 'open'

/** How well a call fits all that is asked of it. */
export function fitOf(conditions: Conditions, circumstances: Circumstances): Fit {
  const { times, arguments: asked, commands, guests } = conditions
  const { at, input, guest } = circumstances
  // Before anything else, as it costs nothing: most calls fail by it or are asked nothing more.
  if (times !== undefined && !times.some((window) => isInWindow(window, at))) return 'no'
  if (asked === undefined && commands === undefined && guests === undefined) return 'yes'
  return every([
    ...Object.entries(asked ?? {}).map(([name, condition]) => fitOfArgument(name, condition, input)),
    commands === undefined ? 'yes' : fitOfCommand(commands, input),
    guests === undefined ? 'yes' : fitOfGuest(guests, guest),
  ])
}

/** How well a call fits what must not all hold. */
export const opposite = (fit: Fit): Fit => (fit === 'yes' ? 'no' : fit === 'no' ? 'yes' : fit)

/** All of them. */
export function every(fits: readonly Fit[]): Fit {
  if (fits.includes('no')) return 'no'
  if (fits.includes('open')) return 'open'
  return fits.includes('maybe') ? 'maybe' : 'yes'
}

function fitOfArgument(name: string, condition: ArgumentCondition, input: Circumstances['input']): Fit {
  if (input === undefined) return 'open'
  const value = name.split('.').reduce<unknown>(fieldOf, input)
  if (value === undefined || value === null) return 'no'
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  const fits = new Set(values.map((one) => fitOfValue(condition, one)))
  const [only = 'no'] = fits
  return fits.size > 1 ? 'maybe' : only
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined

function fitOfValue({ is, matches, min, max, under, within }: ArgumentCondition, value: unknown): Fit {
  return every([
    is === undefined ? 'yes' : truth(is.some((one) => one === value)),
    matches === undefined ? 'yes' : fitOfPattern(matches, value),
    min === undefined ? 'yes' : typeof value === 'number' ? truth(value >= min) : 'maybe',
    max === undefined ? 'yes' : typeof value === 'number' ? truth(value <= max) : 'maybe',
    under === undefined ? 'yes' : fitOfPath(under, value),
    within === undefined ? 'yes' : fitOfAddress(within, value),
  ])
}

const truth = (holds: boolean): Fit => (holds ? 'yes' : 'no')

const patterns = new Map<string, RegExp>()

function anchored(pattern: string): RegExp {
  const known = patterns.get(pattern) ?? new RegExp(`^(?:${pattern})$`, 's')
  patterns.set(pattern, known)
  return known
}

/** A pattern is not tried on more than this: it could take for ever. */
const longestMatched = 4096

function fitOfPattern(pattern: string, value: unknown): Fit {
  if (typeof value === 'object') return 'maybe'
  const text = String(value)
  return text.length > longestMatched ? 'maybe' : truth(anchored(pattern).test(text))
}

/** By what is written; links are followed on the target, where constraints.file_roots binds. */
function fitOfPath(folders: readonly string[], value: unknown): Fit {
  if (typeof value !== 'string' || !isNormal(value)) return 'maybe'
  return truth(folders.some((folder) => value === folder || value.startsWith(folder === '/' ? '/' : `${folder}/`)))
}

/** A whole path without detours: what else there is may lead anywhere. */
const isNormal = (path: string): boolean =>
  path.startsWith('/') && !/\/(\.{0,2})(?=\/|$)/.test(path.replace(/(?<=.)\/$/, ''))

/** A name may stand for any address. */
function fitOfAddress(networks: readonly string[], value: unknown): Fit {
  if (typeof value !== 'string') return 'maybe'
  const host = URL.canParse(value) && value.includes('://') ? new URL(value).hostname : value
  const address = parseAddress(host.replace(/^\[(.*)\]$/, '$1'))
  return address === undefined ? 'maybe' : truth(networks.some((network) => isWithin(address, network)))
}

/** A bare name of a program may be the same one as a path that ends with it. */
function fitOfCommand(rules: readonly CommandRule[], input: Circumstances['input']): Fit {
  if (input === undefined) return 'open'
  const argv = input['argv']
  if (!Array.isArray(argv)) return 'no'
  const [program = '', ...args] = argv.map(String)
  const fits = rules.map((rule) => every([fitOfProgram(rule.program, program), fitOfArgs(rule.args, args)]))
  if (fits.includes('yes')) return 'yes'
  return fits.includes('maybe') ? 'maybe' : 'no'
}

function fitOfProgram(asked: string, program: string): Fit {
  if (asked === program) return 'yes'
  return nameOf(asked) === nameOf(program) ? 'maybe' : 'no'
}

const nameOf = (program: string): string => program.slice(program.lastIndexOf('/') + 1)

function fitOfArgs(asked: readonly string[] | undefined, args: readonly string[]): Fit {
  if (asked === undefined) return 'yes'
  if (asked.length !== args.length) return 'no'
  return every(asked.map((pattern, index) => fitOfPattern(pattern, args[index] ?? '')))
}

function fitOfGuest(selectors: readonly string[], guest: Circumstances['guest']): Fit {
  if (guest === undefined) return 'open'
  if (guest === 'none') return 'maybe'
  return truth(selectors.some((selector) => namesGuest(selector, guest)))
}

function namesGuest(selector: string, { vmid, name, tags, pool }: GuestFacts): boolean {
  const [, key, value = ''] = /^(tag|pool):(.+)$/.exec(selector) ?? []
  if (key === 'tag') return tags.includes(value.toLowerCase())
  if (key === 'pool') return pool === value
  return String(vmid) === selector || (name !== undefined && matchesGlob(name, selector))
}

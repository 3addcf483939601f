import { createHmac } from 'node:crypto'
import { cleanText } from './clean.ts'

/** What is certainly secret, and the key of the marks that stand for it. */
export interface RedactorParts {
  /** Secrets that this gateway holds. Those of fewer than 6 characters would mark ordinary words, and are not looked for. */
  readonly held: readonly string[]
  /** Random, of this process: equal secrets have equal marks, and a mark cannot be tried out elsewhere. */
  readonly key: Uint8Array
}

const shortestHeld = 6
const shortestLine = 24

/** The last word or words of a name that holds a secret: `db_password`, `apiKey`, `X-Auth-Token`. */
const secretName =
  /(?:^|[_\W])(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credentials?|authorization|cookie|dsn|psk|bearer|api_?key|access_?key|private_?key|secret_?key|signing_?key|auth)s?(?:_?\d{1,3})?$/

/**
 * Secrets that their shape betrays. Loops are bounded, or stand last in a match, or begin only once in a run of what they
 * take: matching is linear. No group loops without bound: over a megabyte engines give up on those, or throw.
 */
const keyBlock =
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-{1,4}[^-]+){0,200}(?:-----END [A-Z0-9 ]{0,40}-----)?/g

/** Of one word each. */
const shapes: readonly RegExp[] = [
  /tops_[a-z0-9]{4,32}_[a-z0-9]{32,}/g,
  /\bA[KS]IA[0-9A-Z]{16}\b/g,
  /\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|tskey-[\w-]{10,}|sk-(?:proj-|ant-)?\w{20,}[\w-]*)/g,
  /(?<![\w-])eyJ[\w-]{8,}\.(?:[\w-]{2,}(?:\.[\w-]*){1,3}|eyJ[\w-]+)/g,
]

const keyName = '(?:api|access|private|signing|secret)[-_]?key'
const word = `(?:pass(?:word|phrase|code)|(?<![a-z])pass|pwd|secret|token|credentials?|${keyName})\\d{0,2}`
const header = '(?:authorization|cookie|x-[\\w-]{0,40}(?:key|token))'
const between = '\\s{0,4}(?:={1,2}>?|:=?)\\s{0,4}'
const any = `(?:${word}|passwd\\d{0,2}|${header})`

/** Secrets that what stands before them betrays: group 1 stays, group 2 is replaced. */
const led: readonly RegExp[] = [
  // `"token": "x"`, `password='x y'`, then the same in JSON that is itself a string, once and twice.
  new RegExp(`(${any}["']?${between}")([^"\\\\\\n]*(?:\\\\[^\\n][^"\\\\\\n]*){0,1000})`, 'gi'),
  new RegExp(`(${any}["']?${between}')([^'\\\\\\n]*(?:\\\\[^\\n][^'\\\\\\n]*){0,1000})`, 'gi'),
  new RegExp(
    `(${any}(?:\\\\?["'])?${between}\\\\["'])([^\\\\\\n]*(?:\\\\(?:\\\\\\\\["']|\\\\|[^"'\\\\\\n])[^\\\\\\n]*){0,1000})`,
    'gi',
  ),
  new RegExp(
    `(${any}(?:\\\\{3}["'])?${between}\\\\{3}["'])([^\\\\\\n]*(?:(?:\\\\{4,8}[^\\\\\\n]|\\\\{1,2}[^"'\\\\\\n])[^\\\\\\n]*){0,1000})`,
    'gi',
  ),
  // A header in quotes ends with them, any other with its line.
  new RegExp(`(?<=")(${header}\\s{0,4}:\\s{0,4})([^\\s"][^"\\\\\\n]*)`, 'gi'),
  new RegExp(`(?<=')(${header}\\s{0,4}:\\s{0,4})([^\\s'][^'\\\\\\n]*)`, 'gi'),
  new RegExp(`(?<!["'])(${header}\\s{0,4}:\\s{0,4})([^\\s"'\\\\][^\\n]*)`, 'gi'),
  /(\bbearer (?=[\w.~+/-]{0,64}\d))([\w.~+/-]{8,}=*)/gi,
  /(:\/\/[^\s/:@"'<>[]{0,256}:)([^\s/"'<>]{1,1024})(?=@)/g,
  /(![\w.-]{1,64}=)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w-])/gi,
  // `token=x`, `'token': x`.
  new RegExp(
    `((?:${word}|passwd\\d{0,2})(?:["']?\\s{0,4}={1,2}>?\\s{0,4}|["']\\s{0,4}:\\s{0,4}))([^\\s"',;&\\\\=>][^\\s"',;&\\\\]*)`,
    'gi',
  ),
  // `token: x`; not `token:x`, which is how callers are named, `invalid token: x`, nor `passwd: x` of nsswitch.conf.
  new RegExp(
    `((?<!\\b(?:unexpected|invalid|bad|missing|unknown|expired|wrong|no) )${word}\\s{0,4}:\\s{1,4})([^\\s"',;&\\\\]{3,})`,
    'gi',
  ),
  new RegExp(`((?<![\\w-])--(?:[\\w-]{0,40}-)?(?:${word}|passwd) )([^\\s"'-][^\\s"']{2,})`, 'gi'),
]

/** A word that every shape above has: most texts have none, and one look is cheaper than twenty. */
const suspicious =
  /KEY|A[KS]IA|tops_|gh[pousr]_|github_|glpat-|xox|sk-|eyJ|:\/\/|!|auth|cookie|bearer|pass|pwd|secret|token|key|credential/i

/** What stands where a secret could, and is none: flags, small figures. */
const noSecret = /^(?:true|false|yes|no|on|off|null|none|nil|undefined|\d{1,3})$/i

const someMark = /\[redacted(?::[0-9a-f]{6})?\]/

/** Replaces secrets in every string of a JSON value by marks; a second pass changes nothing. */
export function redactor({ held, key }: RedactorParts): (value: unknown) => unknown {
  const known = heldForms(held)
  const markOf = (text: string): string =>
    `[redacted:${createHmac('sha256', key)
      .update(known.get(text) ?? text)
      .digest('hex')
      .slice(0, 6)}]`
  const pattern =
    known.size === 0 ? undefined : new RegExp([...known.keys()].sort(longestFirst).map(literal).join('|'), 'g')
  const inText = (text: string): string => {
    const own = pattern === undefined ? text : text.replace(pattern, markOf)
    if (!suspicious.test(own)) return own
    const keyless = withoutKeyEnds(own.replace(keyBlock, markOf), markOf)
    const shaped = shapes.reduce((rest, shape) => rest.replace(shape, markOf), keyless)
    return led.reduce(
      (rest, shape) => rest.replace(shape, (_, before, secret) => before + marked(before, secret)),
      shaped,
    )
  }
  /** A mark stays the mark it is, also with a word beside it: `Bearer [redacted:…]`. */
  const marked = (name: string, secret: string): string => {
    if (secret === '' || noSecret.test(secret) || isDirectory(name, secret)) return secret
    return someMark.exec(secret)?.[0] ?? markOf(secret)
  }
  const walk = (value: unknown, secretUnder: string | undefined): unknown => {
    if (typeof value === 'string') {
      if (secretUnder === undefined || value === '' || isDirectory(secretUnder, value)) return inText(value)
      return someMark.exec(value)?.[0] ?? markOf(value)
    }
    if (typeof value !== 'object' || value === null) return value
    if ('toJSON' in value && typeof value.toJSON === 'function') return walk(value.toJSON(), secretUnder)
    if (Array.isArray(value)) return value.map((item) => walk(item, secretUnder))
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [
        inText(name),
        walk(field, secretUnder ?? (isSecretName(name) ? name : undefined)),
      ]),
    )
  }
  return (value) => walk(value, undefined)
}

const keyEnd = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
const keyLine = /^\s{0,40}[\w+/=]{1,80}\s?$/
/** More than a line of a key has. */
const longestLine = 130

/** The last lines of a private key whose beginning is not shown, as of `tail`. */
function withoutKeyEnds(text: string, markOf: (secret: string) => string): string {
  let shown = ''
  let from = 0
  for (const { 0: end, index } of text.matchAll(keyEnd)) {
    let start = startOfLine(text, index, from)
    if (text.slice(start, index).trim() !== '') start = index
    while (start > from && text[start - 1] === '\n') {
      const line = startOfLine(text, start - 1, from)
      if (!keyLine.test(text.slice(line, start - 1))) break
      start = line
    }
    shown += text.slice(from, start) + markOf(text.slice(start, index + end.length))
    from = index + end.length
  }
  return shown + text.slice(from)
}

/** Where the line before `end` begins; never before `least`, nor farther away than a line of a key is long. */
function startOfLine(text: string, end: number, least: number): number {
  const from = Math.max(least, end - longestLine)
  return from + text.slice(from, end).lastIndexOf('\n') + 1
}

/** `PWD=/root` is where a process stands. */
const isDirectory = (name: string, value: string): boolean => /^(?:old)?pwd\W*$/i.test(name) && value.startsWith('/')

const isSecretName = (name: string): boolean =>
  secretName.test(
    name
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
      .replaceAll('-', '_')
      .toLowerCase(),
  )

/** Each form in which a held secret may be printed, with the secret. */
function heldForms(held: readonly string[]): ReadonlyMap<string, string> {
  const forms = new Map<string, string>()
  for (const secret of held) {
    const text = secret.toWellFormed()
    // A key of several lines is also printed line by line.
    const lines = text.split(/\r?\n/).filter((line) => line.length >= shortestLine)
    const texts = [text, text.trim(), cleanText(text), text.replace(/\r\n?/g, '\n'), ...lines]
    for (const each of texts.filter(({ length }) => length >= shortestHeld))
      for (const form of [each, ...escaped(each), ...encoded(each)]) forms.set(form, secret)
  }
  return forms
}

/** As JSON writers put it in a string (also twice), some of which escape more than they must, and as parts of a URL. */
function escaped(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1)
  const ascii = json.replace(/[\u0080-\uffff]/g, unicodeEscape)
  const url = encodeURIComponent(text)
  const strict = url.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const urls = [url, strict, strict.replaceAll('%20', '+'), encodeURI(text)]
  return [
    ...[json, ascii, JSON.stringify(json).slice(1, -1), json.replaceAll('/', '\\/')],
    ...[json.replace(/[<>&]/g, unicodeEscape), ascii.replaceAll('/', '\\/').replace(/[<>&]/g, unicodeEscape)],
    ...urls,
    ...urls.map((form) => form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())),
  ]
}

const unicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** In base64, also amid other bytes as in `user:password`: what of it then stands for these bytes alone; in hex. */
function encoded(text: string): readonly string[] {
  const bytes = Buffer.from(text)
  const amid = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)),
  )
  const base64 = [bytes.toString('base64').replace(/=+$/, ''), ...amid]
  const url = base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))
  const hex = bytes.toString('hex')
  return [...base64, ...url, hex, hex.toUpperCase()]
}

const longestFirst = (a: string, b: string): number => b.length - a.length

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

import { createHmac } from 'node:crypto'

/** What is certainly secret, and the key of the marks that stand for it. */
export interface RedactorParts {
  /** Secrets that this gateway holds. Those of fewer than 6 characters would mark ordinary words, and are not looked for. */
  readonly held: readonly string[]
  /** Random, of this process: equal secrets have equal marks, and a mark cannot be tried out elsewhere. */
  readonly key: Uint8Array
}

const shortestHeld = 6

/** The last word or words of a name that holds a secret: `db_password`, `apiKey`, `X-Auth-Token`. */
const secretName =
  /(?:^|[_\W])(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credentials?|authorization|cookie|dsn|api_?key|access_?key|private_?key|secret_?key|signing_?key|auth)s?$/

/** Secrets that their shape betrays. Every quantifier is bounded or stops at its first other character. */
const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[^-]*(?:-----END [A-Z0-9 ]{0,40}-----)?/g,
  /\btops_[a-z0-9]{4,32}_[a-z0-9]{32,128}/g,
  /\bAKIA[0-9A-Z]{16}\b/g,
  /\b(?:gh[pousr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,64}|xox[a-z]-[\w-]{10,255}|tskey-[\w-]{10,128}|sk-[\w-]{20,255})/g,
  /\beyJ[\w-]{8,4096}\.[\w-]{2,8192}\.[\w-]{0,1024}/g,
]

/** Secrets that what stands before them betrays: group 1 stays, group 2 is replaced. */
const led: readonly RegExp[] = [
  /((?:authorization|cookie|x-[\w-]{0,40}(?:key|token))["']?\s{0,4}:\s{0,4}["']?)([^\n"']{4,4096})/gi,
  /(\bbearer )([\w.~+/-]{8,4096}=*)/gi,
  /([a-z][a-z0-9+.-]{1,30}:\/\/[^\s/:@]{0,200}:)([^\s/@]{1,200})(?=@)/gi,
  // `token=x`, `"token":"x"`, `token: x`; not `token:x`, which is how callers are named.
  /((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key)(?:["']?\s{0,4}=\s{0,4}|["']\s{0,4}:\s{0,4}|\s{0,4}:\s{1,4})["']?)([^\s"',;&]{4,4096})/gi,
]

/** A word that every shape above has: most texts have none, and one look is cheaper than ten. */
const suspicious =
  /KEY|AKIA|tops_|gh[pousr]_|github_|glpat-|xox|sk-|eyJ|:\/\/|auth|cookie|bearer|pass|pwd|secret|token|key/i

/** Replaces secrets in every string of a JSON value by marks. */
export function redactor({ held, key }: RedactorParts): (value: unknown) => unknown {
  const markOf = (secret: string) => `[redacted:${createHmac('sha256', key).update(secret).digest('hex').slice(0, 6)}]`
  const known = heldForms(held)
  const pattern =
    known.size === 0 ? undefined : new RegExp([...known.keys()].sort(longestFirst).map(literal).join('|'), 'g')
  const inText = (text: string): string => {
    const own = pattern === undefined ? text : text.replace(pattern, (form) => markOf(known.get(form) ?? form))
    if (!suspicious.test(own)) return own
    const shaped = shapes.reduce((rest, shape) => rest.replace(shape, markOf), own)
    return led.reduce(
      (rest, shape) => rest.replace(shape, (_, before: string, secret: string) => before + once(secret, markOf)),
      shaped,
    )
  }
  const walk = (value: unknown, isSecret: boolean): unknown => {
    if (typeof value === 'string') return isSecret && value !== '' ? once(value, markOf) : inText(value)
    if (Array.isArray(value)) return value.map((item) => walk(item, isSecret))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [inText(name), walk(field, isSecret || isSecretName(name))]),
    )
  }
  return (value) => walk(value, false)
}

/** A mark stays the mark it is: passing twice is passing once. */
const once = (secret: string, markOf: (secret: string) => string): string =>
  /^\[redacted(?::[0-9a-f]{6})?\]$/.test(secret) ? secret : markOf(secret)

const isSecretName = (name: string): boolean =>
  secretName.test(
    name
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replaceAll('-', '_')
      .toLowerCase(),
  )

/** Each form in which a held secret may be printed, with the secret. */
function heldForms(held: readonly string[]): ReadonlyMap<string, string> {
  const forms = new Map<string, string>()
  for (const secret of held.filter(({ length }) => length >= shortestHeld)) {
    const bytes = Buffer.from(secret)
    const written = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]
    const coded = [bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')]
    for (const form of [...written, ...coded]) forms.set(form, secret)
    // A key of several lines is also printed line by line.
    for (const line of secret.split('\n')) if (line.length >= 24) forms.set(line, secret)
  }
  return forms
}

const longestFirst = (a: string, b: string): number => b.length - a.length

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

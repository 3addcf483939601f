const masked = '***'
const longestArgument = 200

/** Words that mark a name as one of a secret. Names are bounded, so that hostile text cannot make matching slow. */
const secretName =
  '[\\w.-]{0,40}(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|auth|_key)[\\w.-]{0,40}'
const value = `(?:"[^"]*"?|'[^']*'?|\\S+)`

const wholeArgument = new RegExp(`^(-{0,2}${secretName})[=:].+$`, 'is')
const flagAlone = new RegExp(`^--?${secretName}$`, 'i')
const inside: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`(${secretName})=${value}`, 'gi'), `$1=${masked}`],
  [new RegExp(`(\\s--?${secretName})\\s+${value}`, 'gi'), `$1 ${masked}`],
  [/(:\/\/)[^\s/@]+@/g, `$1${masked}@`],
  [/\b(authorization|cookie|x-[\w-]{0,40}(?:key|token))\s*:.*/gis, `$1: ${masked}`],
  [/\bbearer\s+\S+/gi, `Bearer ${masked}`],
  [/\b(?:eyJ[\w-]{10,}\.[\w.-]+|gh[pousr]_\w{20,}|glpat-[\w-]{16,}|sk-[\w-]{20,}|AKIA[0-9A-Z]{16})/g, masked],
  [/(^|\s)-p(?![\d.:/-]*(?:\s|$))\S+/g, `$1-p${masked}`],
]

/** Programs whose short options carry a secret: in the next argument, or (mysql) joined to `-p` even when it looks like a port. */
const nextIsSecret: Readonly<Record<string, readonly string[]>> = {
  sshpass: ['-p'],
  'redis-cli': ['-a'],
  curl: ['-u', '--user'],
  wget: ['--user'],
  ldapsearch: ['-w'],
  smbclient: ['-U'],
  ipmitool: ['-P'],
}
const joinedToP = /^(mysql|mariadb|sshpass|7z)/

/** A command line for people, at most `length` characters, with what looks like a secret replaced by `***`. */
export function maskedCommand(args: readonly string[], length: number): string {
  const program = args[0]?.split('/').at(-1) ?? ''
  const flags = Object.hasOwn(nextIsSecret, program) ? nextIsSecret[program] : undefined
  const shown: string[] = []
  let taken = 0
  let hideNext = false
  for (const arg of args) {
    if (taken > length) break
    const text = hideNext && !arg.startsWith('-') ? masked : maskedArgument(arg.slice(0, longestArgument), program)
    hideNext = flagAlone.test(arg.slice(0, longestArgument)) || flags?.includes(arg) === true
    shown.push(text)
    taken += text.length + 1
  }
  const line = shown.join(' ')
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}

function maskedArgument(arg: string, program: string): string {
  const whole = wholeArgument.exec(arg)
  if (whole !== null) return `${whole[1]}=${masked}`
  if (joinedToP.test(program) && /^-p./.test(arg)) return `-p${masked}`
  return inside.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), arg)
}

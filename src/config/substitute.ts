import { type Finding, type Path, pathText } from './problem.ts'

/** Where `${VAR}` and `file:/path` come from. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Text of a file of this machine. Throws when it cannot be read. */
  readFile(path: string): string
}

/** A string with its references replaced, and what was wrong with them. */
export interface Substituted {
  readonly text: string
  /** Whether anything was replaced: such a value is never shown. */
  readonly changed: boolean
  readonly findings: readonly Finding[]
}

const reference = /\$(\$?)\{([^{}]*)\}/g

/** Replaces `${VAR}`, `${VAR:-default}` and a whole `file:/path`; `$${` stands for `${` itself. */
export function substitute(value: string, path: Path, sources: Sources): Substituted {
  const findings: Finding[] = []
  const expanded = value.replace(reference, (whole: string, escaped: string, body: string) => {
    if (escaped !== '') return whole.slice(1)
    const found = variable(body, path, sources)
    if (typeof found === 'string') return found
    findings.push(found)
    return whole
  })
  if (findings.length > 0) return { text: expanded, changed: true, findings }
  if (!/^file:\.{0,2}\//.test(expanded)) return { text: expanded, changed: expanded !== value, findings }
  return fromFile(expanded.slice('file:'.length), path, sources)
}

function variable(body: string, path: Path, { env }: Sources): string | Finding {
  const [, name, fallback] = /^([A-Za-z_]\w*)(?::-([\s\S]*))?$/.exec(body) ?? []
  if (name === undefined) {
    return failure(
      path,
      'has a reference that is no variable name',
      `write \${NAME} or \${NAME:-default}; $\${ stands for \${ itself`,
    )
  }
  const value = env[name]
  if (value !== undefined && (value !== '' || fallback === undefined)) return value
  if (fallback !== undefined) return fallback
  return failure(
    path,
    `needs the environment variable ${name}, which is not set`,
    `set ${name}, or write \${${name}:-default}`,
  )
}

function fromFile(file: string, path: Path, { readFile }: Sources): Substituted {
  if (!file.startsWith('/')) {
    const finding = failure(path, 'names a file by a relative path', 'write file:/ and the whole path')
    return { text: '', changed: true, findings: [finding] }
  }
  try {
    return { text: readFile(file.replace(/^\/\/+/, '/')).replace(/\r?\n$/, ''), changed: true, findings: [] }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const finding = failure(
      path,
      `cannot be read from its file: ${why}`,
      'make the file readable for the gateway, or mend the path',
    )
    return { text: '', changed: true, findings: [finding] }
  }
}

const failure = (path: Path, what: string, hint: string): Finding => ({
  severity: 'error',
  path,
  what: `${pathText(path)} ${what}`,
  hint,
})

import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TargetsConfig } from '../config/targets-config.ts'
import { secretsIn } from '../lib/secret.ts'
import { type Finding, findingsOf, wordsOf } from './doctor-finding.ts'

const { ok, warning, problem } = findingsOf('files')

/** Where the files are that matter. */
export interface Places {
  readonly config: string
  readonly stateDir: string
}

/** Who else may read or write configuration, keys and state. */
export function fileFindings(
  { config: file, stateDir }: Places,
  config: TargetsConfig | undefined,
): readonly Finding[] {
  const found = [
    ...configFile(file, config),
    // The service's group may read it, nobody else.
    ...secretFile(join(dirname(file), 'tailops.env'), { what: 'the environment file', forbidden: 0o027 }),
    ...stateFolder(stateDir),
    ...secretFile(join(stateDir, 'identity.pem'), { what: 'the key of this gateway', forbidden: 0o077 }),
    ...keyFiles(config),
  ]
  return found.length === 0 ? [ok('nobody else reads secrets or writes configuration and state')] : found
}

/** Undefined where there is none. */
function modeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mode
}

function configFile(file: string, config: TargetsConfig | undefined): readonly Finding[] {
  const mode = modeOf(file)
  if (mode === undefined) return []
  if ((mode & 0o022) !== 0)
    return [problem(`others may write ${file}: they decide what is managed`, `chmod go-w ${file}`)]
  // A configuration that could not be read has nothing in it to look for.
  if (config === undefined || (mode & 0o004) === 0) return []
  const text = readFileSync(file, 'utf8')
  if (!secretsIn(config).some((secret) => secret.length >= 4 && text.includes(secret))) return []
  return [problem(`everybody may read the secrets in ${file}`, `chmod 600 ${file}, or name variables: \${NAME}`)]
}

interface Guarded {
  readonly what: string
  /** Bits of its mode that must not be set. */
  readonly forbidden: number
}

function secretFile(file: string, { what, forbidden }: Guarded): readonly Finding[] {
  const mode = modeOf(file)
  if (mode === undefined || (mode & forbidden) === 0) return []
  return [problem(`others may read ${what}, ${file}`, `chmod 600 ${file}; if somebody did read it, make new secrets`)]
}

function stateFolder(dir: string): readonly Finding[] {
  const mode = modeOf(dir) ?? 0
  if ((mode & 0o022) !== 0) return [problem(`others may write to the state directory ${dir}`, `chmod 700 ${dir}`)]
  return (mode & 0o055) === 0 ? [] : [warning(`others may read the state directory ${dir}`, `chmod 700 ${dir}`)]
}

/** Keys that targets name, each once. */
function keyFiles(config: TargetsConfig | undefined): readonly Finding[] {
  const keys = (config?.targets ?? []).flatMap(({ id, connection }) => {
    if (connection.kind === 'ssh' && connection.keyPath !== undefined) return [{ id, path: connection.keyPath }]
    if (connection.kind === 'docker' && connection.certPath !== undefined)
      return [{ id, path: join(connection.certPath, 'key.pem') }]
    return []
  })
  const once = new Map(keys.map((key) => [key.path, key]))
  return [...once.values()].flatMap(({ id, path }) => {
    try {
      const { mode } = statSync(path)
      readFileSync(path)
      if ((mode & 0o007) !== 0) return [problem(`others may read the key ${path} of ${id}`, `chmod 600 ${path}`)]
      if ((mode & 0o020) !== 0) return [problem(`a group may write the key ${path} of ${id}`, `chmod g-w ${path}`)]
      return []
    } catch (error) {
      return [
        problem(
          `the key of ${id} cannot be read: ${wordsOf(error)}`,
          `mend key_path of ${id}, or let this user read it`,
        ),
      ]
    }
  })
}

import type { Kept } from './migrate-kept.ts'
import { isFields } from './migrate-values.ts'

/** Variables of the old environment files, by name. */
export type OldVariables = ReadonlyMap<string, string>

/** Names that this gateway reads by itself, and so may not be used for anything else. */
const ownPrefix = /^(PROXMOX|TAILOPS|SYSTEMMANAGER|TSIDP|LOG)_/

/**
 * Keeps the variables that `${NAME}` in a value refers to, where an old file sets them; a private key becomes a file.
 * The old program never replaced these references, so that what they mean is what its documents say.
 */
export function withReferences(value: unknown, owner: string, known: Known): unknown {
  const { variables, kept, used } = known
  if (Array.isArray(value)) return value.map((item) => withReferences(item, owner, known))
  if (isFields(value))
    return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, withReferences(below, owner, known)]))
  if (typeof value !== 'string') return value
  return value.replace(/\$\{([A-Za-z_]\w*)(:-[^{}]*)?\}/g, (whole: string, name: string, fallback = '') => {
    const found = variables.get(name)
    if (found === undefined) return whole
    used.add(name)
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(found)) return kept.key(owner, found)
    const ours = ownPrefix.test(name) ? `CREDENTIAL_${name}` : name
    kept.variable(ours, found)
    return `\${${ours}${fallback}}`
  })
}

interface Known {
  readonly variables: OldVariables
  readonly kept: Kept
  /** Gets the names that were found. */
  readonly used: Set<string>
}

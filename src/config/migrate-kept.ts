import { Secret } from '../lib/secret.ts'

/** What goes into the environment file and into files of its own: secrets, and what the old files referred to. */
export interface Kept {
  readonly env: ReadonlyMap<string, Secret>
  /** Private keys that stood in a variable, by relative path. */
  readonly files: ReadonlyMap<string, Secret>
  /** Keeps a secret; returns the reference to write instead. What is a reference already stays as it is. */
  secret(owner: string, key: string, value: string): string
  /** Keeps a variable as it is. */
  variable(name: string, value: string): void
  /** Keeps a private key; returns its path. */
  key(owner: string, value: string): string
}

export function openKept(): Kept {
  const env = new Map<string, Secret>()
  const files = new Map<string, Secret>()
  return {
    env,
    files,
    secret(owner, key, value) {
      if (/^(\$\{[A-Za-z_]\w*|file:\/)/.test(value)) return value
      const name = freeName(env, variableName(owner, key), value)
      env.set(name, new Secret(value))
      return `\${${name}}`
    },
    variable: (name, value) => void env.set(name, new Secret(value)),
    key(owner, value) {
      const path = `keys/${owner.replace(/[^A-Za-z0-9._-]/g, '_')}`
      files.set(path, new Secret(`${value.replaceAll('\\n', '\n').trim()}\n`))
      return path
    },
  }
}

/** `CREDENTIAL_WEB_1_PASSWORD`: no name that this gateway reads by itself. */
const variableName = (owner: string, key: string): string =>
  `CREDENTIAL_${owner}_${key}`.toUpperCase().replace(/[^A-Z0-9]+/g, '_')

function freeName(env: ReadonlyMap<string, Secret>, wanted: string, value: string): string {
  let name = wanted
  for (let count = 2; env.has(name) && env.get(name)?.reveal() !== value; count++) name = `${wanted}_${count}`
  return name
}

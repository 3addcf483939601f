import { readFileSync } from 'node:fs'

/** Variables by name. */
export type Environment = Readonly<Record<string, string>>

/** The environment that a running process was started with; undefined where we may not read it, or it is gone. */
export function environmentOf(pid: number): Environment | undefined {
  try {
    return pairs(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'))
  } catch {
    return undefined
  }
}

/**
 * The environment that a unit would give, from what `systemctl show` says: `A=1 "B=two words"`, and
 * `/etc/tailops/tailops.env (ignore_errors=yes)`, one a line. systemd.exec(5), Environment= and EnvironmentFile=
 */
export function environmentOfUnit(environment: string, files: readonly string[]): Environment {
  const words = [...environment.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)]
  const own = pairs(words.map(([, quoted, plain]) => quoted?.replace(/\\(.)/g, '$1') ?? plain ?? ''))
  return Object.assign({}, own, ...files.map((file) => environmentFile(file.replace(/ \(ignore_errors=\w+\)$/, ''))))
}

function environmentFile(path: string): Environment {
  const lines = textOf(path).split('\n')
  const set = lines.map((line) => line.trim()).filter((line) => line !== '' && !/^[#;]/.test(line))
  return pairs(set.map((line) => line.replace(/^(\w+)=(["'])(.*)\2$/, '$1=$3')))
}

/** A file that is missing sets nothing; where it must not be, systemd itself refuses to start. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const pairs = (entries: readonly string[]): Environment =>
  Object.fromEntries(
    entries
      .filter((entry) => entry.includes('='))
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )

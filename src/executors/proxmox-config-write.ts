import type { Request } from '../core/operation.ts'

/** A write that relied on a configuration as it was: it is refused once that has changed. */
export interface ConfigWrite {
  /** `/nodes/pve1/lxc/101/config` */
  readonly configPath: string
  /** Of the configuration before. */
  readonly digest: string
  /** What its keys shall hold; undefined: they are deleted. Undefined where the write says no values: a disk that grows. */
  readonly wanted: Readonly<Record<string, string | undefined>> | undefined
}

/** Undefined for a write that names no digest: its guest cannot tell whether it was done. */
export function configWrite({ method, path, body }: Request): ConfigWrite | undefined {
  const [, guest, below] = /^(\/nodes\/[^/]+\/(?:lxc|qemu)\/\d+)\/(config|resize)$/.exec(path) ?? []
  if (guest === undefined || (method !== 'PUT' && method !== 'POST')) return undefined
  const given = typeof body === 'object' && body !== null ? Object.entries(body) : []
  const digest = given.find(([key]) => key === 'digest')?.[1]
  if (typeof digest !== 'string' || digest === '') return undefined
  const values = given.flatMap(([key, value]) =>
    key === 'digest' || key === 'delete' ? [] : [[key, textOf(value)] as const],
  )
  const deleted = String(given.find(([key]) => key === 'delete')?.[1] ?? '')
    .split(',')
    .flatMap((key) => (key === '' ? [] : [[key, undefined] as const]))
  const wanted = below === 'config' ? Object.fromEntries([...values, ...deleted]) : undefined
  return { configPath: `${guest}/config`, digest, wanted }
}

/** What a configuration tells of a write: that it has not been changed, that it is as wanted, or that it was changed otherwise. */
export function judgeWrite(
  { digest, wanted }: ConfigWrite,
  config: Readonly<Record<string, unknown>>,
): 'unchanged' | 'as wanted' | 'changed' {
  if (config['digest'] === digest) return 'unchanged'
  if (wanted === undefined) return 'changed'
  const isSo = Object.entries(wanted).every(
    ([key, value]) => textOf(config[key] ?? undefined)?.trimEnd() === value?.trimEnd(),
  )
  return isSo ? 'as wanted' : 'changed'
}

/** The parameters of a body as the API takes them. */
export function valuesOf(body: unknown): Readonly<Record<string, string>> {
  const given = typeof body === 'object' && body !== null ? Object.entries(body) : []
  return Object.fromEntries(
    given.flatMap(([key, value]) => {
      const text = textOf(value ?? undefined)
      return text === undefined ? [] : [[key, text]]
    }),
  )
}

function textOf(value: unknown): string | undefined {
  if (value === undefined) return undefined
  return typeof value === 'boolean' ? String(Number(value)) : String(value)
}

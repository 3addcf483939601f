import type { Path } from './problem.ts'

/** A map as it stands in an old file. */
export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The map at a key, or an empty one. */
export const fieldsAt = (value: unknown, key: string): Fields => {
  const found = isFields(value) ? value[key] : undefined
  return isFields(found) ? found : {}
}

/** Text of a scalar; undefined for anything else and for empty text. */
export const textOf = (value: unknown): string | undefined => {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined
  const text = String(value).trim()
  return text === '' ? undefined : text
}

/** What text stands for where a number or a truth is wanted: old files often quote them. */
export function plainValue(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const text = value.trim()
  if (/^-?\d{1,15}(\.\d+)?$/.test(text)) return Number(text)
  if (/^(true|yes|on)$/i.test(text)) return true
  return /^(false|no|off)$/i.test(text) ? false : value
}

/** A map without the keys whose value is undefined or null. */
export const withoutEmptyKeys = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))

/** Every value that is no map, with its path; lists are one value. */
export function leaves(value: unknown, path: Path = []): readonly { readonly path: Path; readonly value: unknown }[] {
  if (!isFields(value) || Object.keys(value).length === 0) return [{ path, value }]
  return Object.entries(value).flatMap(([key, below]) => leaves(below, [...path, key]))
}

/** Any text as a word that may be the id of a target or part of a variable's name. */
export const wordOf = (text: string): string =>
  text
    .replace(/[^A-Za-z0-9._:/-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 100)

/** Templates that the old program shipped and never filled in. */
export const isPlaceholder = (value: unknown): boolean => typeof value === 'string' && /\{\{.*?\}\}/.test(value)

import type { Request } from '../core/operation.ts'

/**
 * Parameters where Proxmox VE takes them: of POST and PUT as JSON, of the rest in the query, for a DELETE with a body
 * is refused (501). Booleans are 1 and 0; what is undefined is not sent, since unknown and empty keys are refused (400).
 * Source: Proxmox VE API, observed 9.2.
 */
export function asParameters({ method, path, body }: Request): { readonly path: string; readonly body?: string } {
  const given = typeof body === 'object' && body !== null ? Object.entries(body) : []
  const entries = given.flatMap(([key, value]): [string, unknown][] =>
    value === undefined || value === null ? [] : [[key, plain(value)]],
  )
  if (entries.length === 0) return { path }
  if (method === 'POST' || method === 'PUT') return { path, body: JSON.stringify(Object.fromEntries(entries)) }
  const pairs = entries.flatMap(([key, value]) => [value].flat().map((one): [string, string] => [key, String(one)]))
  const query = new URLSearchParams(pairs)
  return { path: `${path}${path.includes('?') ? '&' : '?'}${query}` }
}

const plain = (value: unknown): unknown => {
  if (typeof value === 'boolean') return value ? 1 : 0
  return Array.isArray(value) ? value.map(plain) : value
}

import type { IncomingMessage } from 'node:http'
import { parseJson } from '../lib/json.ts'
import { readCapped } from '../lib/read-capped.ts'
import type { ApiRequest } from './answer.ts'
import type { Parameter } from './method.ts'

const prefix = '/api2/json'
const maxBodyBytes = 512 * 1024

/** What an HTTP request asks of the API: parameters come from the query and from a form or a JSON object as body. */
export async function readRequest(request: IncomingMessage): Promise<ApiRequest> {
  const { text } = await readCapped(request, maxBodyBytes)
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2)
  const isJson = request.headers['content-type']?.startsWith('application/json') ?? false
  const inBody = isJson ? fields(parseJson(text)) : form(text)
  return {
    method: request.method ?? 'GET',
    path: path.startsWith(prefix) ? path.slice(prefix.length) || '/' : path,
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
    params: { ...form(query), ...inBody },
    hasBody: text !== '',
  }
}

function form(text: string): Record<string, Parameter> {
  const found: Record<string, Parameter> = {}
  const all = new URLSearchParams(text)
  for (const name of new Set(all.keys())) {
    const [first = '', ...more] = all.getAll(name)
    found[name] = more.length === 0 ? first : [first, ...more]
  }
  return found
}

function fields(value: unknown): Record<string, Parameter> {
  if (typeof value !== 'object' || value === null) return {}
  const entries = Object.entries(value).filter(([, field]) => field !== null && field !== undefined)
  return Object.fromEntries(
    entries.map(([name, field]) => [name, Array.isArray(field) ? field.map(String) : plain(field)]),
  )
}

const plain = (field: unknown): string => (typeof field === 'boolean' ? String(Number(field)) : String(field))

import { type JSONRPCRequest, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'

/**
 * The message when it is as plain as most are: a JSON-RPC request of the revisions before 2026, without `_meta`. Of these we
 * know what the SDK would find out by trying many schemas.
 */
export function plainRequest(request: Request, message: unknown): JSONRPCRequest | undefined {
  if (!isObject(message) || message['jsonrpc'] !== '2.0') return undefined
  const { id, method, params } = message
  if (!Object.keys(message).every((name) => known.has(name))) return undefined
  if ((typeof id !== 'string' && !Number.isSafeInteger(id)) || typeof method !== 'string' || method === 'initialize')
    return undefined
  if (params !== undefined && (!isObject(params) || '_meta' in params)) return undefined
  const revision = request.headers.get('mcp-protocol-version')
  if (revision !== null && !olderRevisions.has(revision)) return undefined
  // Checked just above, which the compiler does not see through a record.
  return message as unknown as JSONRPCRequest
}

const olderRevisions: ReadonlySet<string> = new Set(SUPPORTED_PROTOCOL_VERSIONS.filter((revision) => revision < '2026'))

const known: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params'])

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

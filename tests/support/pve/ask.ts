import type { StandInCluster } from './stand-in.ts'

/** An answer as a plain HTTP client sees it. */
export interface Heard {
  readonly status: number
  readonly reason: string
  /** Parsed JSON, or undefined for an empty body. */
  readonly body: { readonly data?: unknown; readonly message?: string; readonly errors?: unknown } | undefined
  readonly connection: string | null
}

/** How something is asked; by default a GET with the cluster's full token, of its first node. */
export interface Asking {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly node?: string
  readonly signal?: AbortSignal
}

/** Asks a stand-in with nothing of ours but a URL. */
export async function ask(cluster: StandInCluster, path: string, asking: Asking = {}): Promise<Heard> {
  const { method = 'GET', form, node, signal } = asking
  const headers = asking.headers ?? { authorization: `PVEAPIToken=${cluster.tokenId}=${cluster.tokenSecret}` }
  const url = `${node === undefined ? cluster.urls[0] : cluster.url(node)}/api2/json${path}`
  const response = await fetch(url, {
    method,
    headers,
    ...(form && { body: new URLSearchParams(form) }),
    ...(signal && { signal }),
  })
  const text = await response.text()
  const body = text === '' ? undefined : JSON.parse(text)
  return { status: response.status, reason: response.statusText, body, connection: response.headers.get('connection') }
}

/** The entries of a list. */
export async function list(
  cluster: StandInCluster,
  path: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { body } = await ask(cluster, path)
  return Array.isArray(body?.data) ? body.data : []
}

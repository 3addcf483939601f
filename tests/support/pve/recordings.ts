import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pveFixtures } from './schema.ts'

/** One exchange with a real Proxmox VE 9.2. */
export interface Recording {
  /** `lxc-config` */
  readonly name: string
  readonly method: string
  /** Without `/api2/json` and query: `/nodes/pve1/lxc/101/config` */
  readonly path: string
  readonly query: string
  readonly form: string
  /** `root`, `ro`, `none`, a cookie, a token, `-` for none. */
  readonly auth: string
  readonly status: number
  readonly reason: string
  /** Parsed JSON, or text. */
  readonly body: unknown
}

/** All recorded exchanges, by name. */
export const recordings: ReadonlyMap<string, Recording> = new Map(
  readdirSync(join(pveFixtures, 'samples')).map((file) => {
    const name = file.replace(/\.json$/, '')
    return [name, recordingOf(name, JSON.parse(readFileSync(join(pveFixtures, 'samples', file), 'utf8')))]
  }),
)

interface Sample {
  readonly request: {
    readonly method: string
    readonly path: string
    readonly body?: string | null
    readonly auth?: string
  }
  readonly status: number
  readonly reason: string
  readonly body: unknown
}

function recordingOf(name: string, { request, status, reason, body }: Sample): Recording {
  const [path = '', query = ''] = request.path.replace(/^\/api2\/json/, '').split('?', 2)
  const form = request.body ?? ''
  return { name, method: request.method, path, query, form, auth: request.auth ?? 'root', status, reason, body }
}

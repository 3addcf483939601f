import type { ScriptName } from './script-name.ts'

/** One act on one target, as data: it can be shown, approved, hashed, audited and performed. */
export type Operation = Command | Request | Script

interface Common {
  /** Bytes given on standard input (text). */
  readonly stdin?: string | undefined
  /** Needs root: performed through `sudo -n` where the target's sudo_policy allows it and we are not root. */
  readonly asRoot?: boolean | undefined
  /** Overrides the target's own limit. */
  readonly timeoutMs?: number | undefined
  /** The target that carries it, if not the addressed one. */
  readonly on?: string | undefined
}

/** A program and its arguments; never a shell line. */
export interface Command extends Common {
  readonly kind: 'command'
  readonly argv: readonly [string, ...string[]]
}

/** An HTTP request to the target's own API. */
export interface Request extends Common {
  readonly kind: 'request'
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With query, every part already encoded. */
  readonly path: string
  readonly body?: unknown
}

/** One of our constant POSIX texts, run as `sh -c TEXT sh ARGS…`. */
export interface Script extends Common {
  readonly kind: 'script'
  readonly name: ScriptName
  readonly args: readonly string[]
}

/** What an operation returned. A non-zero exit or a 4xx is an outcome, not an exception. */
export interface Outcome {
  readonly ok: boolean
  /** Exit code of a command or script, HTTP status of a request. */
  readonly status: number
  /** Standard output or response body, cut at the output limit. */
  readonly output: string
  readonly errorOutput: string
  readonly truncated: boolean
  readonly durationMs: number
}

export const command = (argv: readonly [string, ...string[]], more: Omit<Command, 'kind' | 'argv'> = {}): Command => ({
  kind: 'command',
  argv,
  ...more,
})

export const script = (
  name: ScriptName,
  args: readonly string[] = [],
  more: Omit<Script, 'kind' | 'name' | 'args'> = {},
): Script => ({
  kind: 'script',
  name,
  args,
  ...more,
})

export const get = (path: string): Request => ({ kind: 'request', method: 'GET', path })

export const post = (path: string, body?: unknown): Request => ({ kind: 'request', method: 'POST', path, body })

import type { Brake, Freeze } from '../core/brake.ts'
import type { FleetStore } from '../core/fleet-ports.ts'
import type { Approvals, AuditLog, Journal, Outputs } from '../core/ports.ts'
import type { Tool } from '../core/tool.ts'
import type { Clock } from '../lib/clock.ts'
import type { Signer } from '../state/fleet-export.ts'

/** One command of the command line; one file each. */
export interface CliCommand {
  /** What `tailops NAME --help` prints. */
  readonly usage: string
  /** Returns the exit code: 0 ok, 1 failure, 2 usage, 78 configuration. @throws GatewayError */
  run(argv: readonly string[], world: World): Promise<number>
}

/** The outside of the process, handed in by main.ts; paths and stores are opened when first asked for. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly terminal: Terminal
  /** `TAILOPS_STATE_DIR`, or the default for this user. Created 0700 when missing. */
  readonly stateDir: string
  /** `cli:<uid>`: who types. */
  readonly user: string
  now(): Date
  /** The stores of the state directory. */
  stores(): Stores
  readonly version: string
  /** The gateway with its configuration loaded. @throws GatewayError invalid_config */
  app(): Promise<App>
  /** Serves MCP over stdin and stdout until the client closes stdin, or a signal ends it. @throws GatewayError invalid_config */
  serveStdio(): Promise<void>
  readonly clock: Clock
  /** From 0 up to, not including, 1. */
  random(): number
  /** The same outside with another configuration and state directory; who opens it closes it. */
  elsewhere(places: { readonly TAILOPS_CONFIG: string; readonly TAILOPS_STATE_DIR: string }): OpenWorld
}

/** A world, and the end of it. */
export interface OpenWorld extends World {
  /** Closes the stores that were opened. */
  close(): void
}

/** A loaded gateway, ready to be asked or served. */
export interface App {
  readonly tools: readonly Tool[]
  /** What people call this gateway, by its configuration. */
  readonly names: { readonly name?: string; readonly segment?: string }
  /** One call by the person at the terminal, on the path of every call; `args` as an MCP client would give them. */
  callTool(tool: Tool, args: Readonly<Record<string, unknown>>): Promise<Answer>
  /** Serves MCP over HTTP until a signal ends it. @throws GatewayError invalid_config */
  serveHttp(): Promise<void>
  /** Finishes what runs and closes every connection. */
  close(): Promise<void>
}

/** What a model would read. */
export interface Answer {
  readonly text: string
  readonly isError: boolean
}

export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** Whether a person can be asked: stdin and stderr are a terminal. */
  readonly interactive: boolean
  /** Asks on stderr and reads one line. */
  ask(question: string): Promise<string>
}

export interface Stores {
  readonly audit: AuditLog & AuditFiles
  readonly approvals: Approvals & ApprovalDecisions
  readonly brake: Brake & BrakeControl
  readonly fleet: FleetStore
  /** @throws GatewayError state_unavailable */
  identity(): Signer
  readonly journal: Journal
  readonly outputs: Outputs
  readonly tokens: TokenBook
}

export interface BrakeControl {
  /** The freeze that holds from now on: an older one stays. @throws GatewayError state_unavailable */
  freeze(wanted: Freeze): Freeze
  /** The freeze that has ended, if there was one. @throws GatewayError state_unavailable */
  release(): Freeze | undefined
}

export interface AuditFiles {
  /** Checks the whole chain, oldest file first. */
  verify(): AuditVerdict
  /** All lines as they stand, oldest first. */
  lines(): Iterable<string>
  /** The last record: its number and hash. */
  head(): { readonly seq: number; readonly hash: string }
}

export interface AuditVerdict {
  readonly ok: boolean
  readonly records: number
  readonly files: number
  /** The first line that does not hold: `audit.jsonl:17`, and why. */
  readonly broken?: { readonly file: string; readonly line: number; readonly why: string } | undefined
}

export interface ApprovalDecisions {
  /** @throws GatewayError not_found, approval_invalid when it is no longer pending */
  decide(id: string, decision: 'approved' | 'denied', by: string): void
}

export interface TokenBook {
  mint(token: { readonly name: string; readonly scopes: readonly string[]; readonly expiresAt: Date }): {
    readonly id: string
    readonly token: string
  }
  list(): readonly TokenEntry[]
  /** @throws GatewayError not_found */
  revoke(id: string): void
  verify(
    token: string,
  ):
    | { readonly caller: { readonly id: string; readonly scopes: readonly string[] }; readonly expiresAt: Date }
    | undefined
}

export interface TokenEntry {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly revokedAt?: Date | undefined
}

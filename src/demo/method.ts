import type { Caller } from './access.ts'
import { ApiError } from './api-error.ts'
import type { Guest, GuestKind } from './guest.ts'
import type { PveNode } from './parts.ts'
import type { World } from './world.ts'

/** One parameter; repeated ones make a list. */
export type Parameter = string | readonly string[]

/** Privileges on a path, as the official schema says it: all of them, or with `'any', 1` one; `require_param`: only for calls that have this parameter. */
export type PathCheck =
  | readonly ['perm', string, readonly string[]]
  | readonly ['perm', string, readonly string[], 'any', 1]
  | readonly ['perm', string, readonly string[], 'require_param', string]

/** Checks of which all must hold, or one. */
export type JoinedCheck = readonly ['and' | 'or', ...Check[]]

export type Check = PathCheck | JoinedCheck

/** Who may call a method, in the words of the official schema. Without it: root@pam with a ticket. */
export interface Permissions {
  /** `all`: everybody who is logged in; `world`: everybody. */
  readonly user?: 'all' | 'world'
  /** `['perm', '/vms/{vmid}', ['VM.Audit']]` */
  readonly check?: Check
}

/** A call of a method, after it was admitted. */
export interface Call {
  readonly world: World
  readonly caller: Caller
  /** The node that took the request. */
  readonly at: string
  /** `/nodes/pve1/lxc/101/status/start` */
  readonly path: string
  readonly method: string
  readonly params: Readonly<Record<string, Parameter>>
}

/** What a method answers: `data` is null when there is nothing to say; lists of tasks and log lines carry a total. */
export interface Answered {
  readonly data: unknown
  readonly total?: number
}

/** One method of the API. */
export interface Method {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `/nodes/{node}/lxc/{vmid}/status/current` */
  readonly path: string
  readonly permissions?: Permissions
  /** Done by the node that the path names, wherever it is asked. */
  readonly proxied?: boolean
  /** Tokens cannot call it. */
  readonly refusesTokens?: boolean
  answer(call: Call): Answered
}

/** What most methods need: only to look. */
export const sysAudit = (path: string): Permissions => ({ check: ['perm', path, ['Sys.Audit']] })

/** A privilege on the guest that the path names. */
export const onGuest = (privilege: string): Permissions => ({ check: ['perm', '/vms/{vmid}', [privilege]] })

/** For everybody who is logged in; what is shown depends on privileges all the same. */
export const everybody: Permissions = { user: 'all' }

/** Whether the caller has the privilege on this path. */
export function may({ world, caller }: Pick<Call, 'world' | 'caller'>, path: string, privilege: string): boolean {
  return world.access.privileges(caller, path, poolOf(world, path)).has(privilege)
}

/** The pool of the guest that a path names. */
export function poolOf(world: World, path: string): string | undefined {
  const [, vmid] = /^\/vms\/(\d+)$/.exec(path) ?? []
  return vmid === undefined ? undefined : world.guest(Number(vmid))?.pool
}

/** A parameter as text, or undefined. */
export function text({ params }: Call, name: string): string | undefined {
  const value = params[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** A parameter as a number, or undefined. */
export function integer(call: Call, name: string): number | undefined {
  const value = text(call, name)
  return value === undefined ? undefined : Number(value)
}

/** Whether a parameter says yes. */
export const isSet = (call: Call, name: string): boolean => /^(1|on|yes|true)$/i.test(text(call, name) ?? '')

/** The guest that the path names. @throws ApiError as Proxmox VE says it: the file of its configuration is not there. */
export function guestHere(call: Call, kind: GuestKind): Guest {
  const vmid = integer(call, 'vmid') ?? 0
  const node = text(call, 'node') ?? ''
  const guest = call.world.guest(vmid)
  if (guest !== undefined && guest.kind === kind && guest.node === node) return guest
  const folder = kind === 'lxc' ? 'lxc' : 'qemu-server'
  throw new ApiError(500, `Configuration file 'nodes/${node}/${folder}/${vmid}.conf' does not exist`)
}

/** The node that the path names; it is known, else the call would not have come here. */
export function nodeHere(call: Call): PveNode {
  const name = text(call, 'node') ?? ''
  const node = call.world.node(name)
  if (node === undefined) throw new ApiError(500, `hostname lookup '${name}' failed`)
  return node
}

/** Seconds since 1970. */
export const seconds = (ms: number): number => Math.floor(ms / 1000)

import { createHmac } from 'node:crypto'
import { roles } from './roles.ts'

/** Somebody who may log in. */
export interface User {
  /** `gw@pve` */
  readonly id: string
  readonly password?: string | undefined
  readonly comment?: string | undefined
  readonly email?: string | undefined
  readonly enabled?: boolean | undefined
}

/** An API token; with `privsep` it may do only what it and its user both may. */
export interface Token {
  /** `gw@pve!full` */
  readonly id: string
  readonly secret: string
  readonly privsep: boolean
  /** Seconds since 1970; 0: never. */
  readonly expire?: number | undefined
  readonly comment?: string | undefined
}

/** A role given to a user or a token on a path and, unless it says otherwise, below it. */
export interface Acl {
  readonly path: string
  readonly to: string
  readonly role: string
  readonly propagate?: boolean | undefined
}

/** Who may do what in one cluster. */
export interface AccessSeed {
  readonly users: readonly User[]
  readonly tokens: readonly Token[]
  readonly acls: readonly Acl[]
  /** Own roles: `{GwOps: ['VM.Audit']}`. */
  readonly roles?: Readonly<Record<string, readonly string[]>>
  /** Signs tickets. */
  readonly key: string
}

/** Whoever makes a request. */
export interface Caller {
  /** `gw@pve!full` or `gw@pve` */
  readonly id: string
  readonly user: string
  readonly token?: Token | undefined
}

/** Privileges, each with whether it holds below the path too. */
export type Privileges = ReadonlyMap<string, boolean>

const ticketLifeSeconds = 7200

/** Users, tokens, roles and tickets of a cluster. All members may be replaced: tests revoke and grant. */
export class Access {
  users: readonly User[]
  tokens: readonly Token[]
  acls: readonly Acl[]
  readonly roles: Readonly<Record<string, readonly string[]>>
  readonly #key: string

  constructor({ users, tokens, acls, roles: own, key }: AccessSeed) {
    this.users = users
    this.tokens = tokens
    this.acls = acls
    this.roles = { ...roles, ...own }
    this.#key = key
  }

  /** The caller behind `user@realm!name=secret`. */
  byToken(text: string, now: number): Caller | undefined {
    const cut = text.lastIndexOf('=')
    const token = this.tokens.find(({ id }) => id === text.slice(0, cut))
    if (token === undefined || token.secret !== text.slice(cut + 1)) return undefined
    if (token.expire && token.expire * 1000 <= now) return undefined
    const user = token.id.slice(0, token.id.indexOf('!'))
    return this.isEnabled(user) ? { id: token.id, user, token } : undefined
  }

  /** The caller behind a ticket, for 2 hours. */
  byTicket(ticket: string, now: number): Caller | undefined {
    const [, user = '', time = ''] = /^PVE:([^:]+):([0-9A-F]{8})::/.exec(ticket) ?? []
    const age = now / 1000 - Number.parseInt(time, 16)
    const valid = ticket === this.#ticketAt(user, time) && age >= -300 && age < ticketLifeSeconds
    return valid && this.isEnabled(user) ? { id: user, user } : undefined
  }

  /** The caller who knows this password, or shows a ticket that is still good. */
  byPassword(user: string, password: string, now: number): Caller | undefined {
    const known = this.users.find(({ id }) => id === user)
    if (known === undefined || !this.isEnabled(user)) return undefined
    if (known.password !== undefined && known.password === password) return { id: user, user }
    return this.byTicket(password, now)?.user === user ? { id: user, user } : undefined
  }

  /** A fresh ticket and the token against forged requests that belongs to it. */
  newTicket(user: string, now: number): { readonly ticket: string; readonly csrf: string } {
    const time = hexTime(now)
    return { ticket: this.#ticketAt(user, time), csrf: this.#csrfAt(user, time) }
  }

  isCsrf(user: string, csrf: string): boolean {
    return csrf === this.#csrfAt(user, csrf.slice(0, 8))
  }

  isEnabled(user: string): boolean {
    return this.users.some(({ id, enabled }) => id === user && enabled !== false)
  }

  /** What a caller may do on a path; `pool` is the pool of the guest that the path names. */
  privileges(caller: Caller, path: string, pool?: string | undefined): Privileges {
    const ofUser = this.#granted(caller.user, path, pool)
    if (caller.token === undefined || !caller.token.privsep) return ofUser
    const ofToken = this.#granted(caller.id, path, pool)
    return new Map([...ofToken].filter(([privilege]) => ofUser.has(privilege)))
  }

  #granted(to: string, path: string, pool: string | undefined): Privileges {
    const own = to === 'root@pam' ? new Map([['Administrator', true]]) : this.#rolesOn(to, path)
    const pooled = pool === undefined || to === 'root@pam' ? [] : [...this.#rolesOn(to, `/pool/${pool}`)]
    const held = new Map([...pooled, ...own])
    if (held.has('NoAccess')) return new Map()
    return new Map([...held].flatMap(([role, below]) => (this.roles[role] ?? []).map((name) => [name, below] as const)))
  }

  /** The roles of the deepest level that names this user or token. */
  #rolesOn(to: string, path: string): ReadonlyMap<string, boolean> {
    let held: ReadonlyMap<string, boolean> = new Map()
    for (const level of levelsOf(path)) {
      const here = this.acls.filter((acl) => acl.to === to && acl.path === level)
      const valid = here.filter(({ propagate }) => level === path || propagate !== false)
      if (valid.length > 0) held = new Map(valid.map(({ role, propagate }) => [role, propagate !== false]))
    }
    return held
  }

  #ticketAt(user: string, time: string): string {
    return `PVE:${user}:${time}::${this.#sign(`ticket:${user}:${time}`, 'base64')}`
  }

  #csrfAt(user: string, time: string): string {
    return `${time}:${this.#sign(`csrf:${user}:${time}`, 'base64').slice(0, 43)}`
  }

  #sign(text: string, encoding: 'base64'): string {
    return createHmac('sha512', this.#key).update(text).digest(encoding)
  }
}

const hexTime = (now: number) =>
  Math.floor(now / 1000)
    .toString(16)
    .toUpperCase()
    .padStart(8, '0')

/** `/vms/101` → `/`, `/vms`, `/vms/101` */
function levelsOf(path: string): readonly string[] {
  const parts = path.split('/').filter((part) => part !== '')
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)]
}

import { get, post, type Request } from '../core/operation.ts'
import type { Step } from '../core/plan.ts'
import { type GuestIdentity, guestPath } from '../core/proxmox-guest.ts'

/** Unpacking a template, copying a disk on a slow storage. */
export const makeMs = 60 * 60_000
const startMs = 3 * 60_000
const destroyMs = 10 * 60_000
const settledWithinMs = 15_000

/** A step that makes a guest; what was made is destroyed when it or a later step fails. */
export function makeStep(guest: GuestIdentity, make: Request): Step {
  return {
    do: { ...make, timeoutMs: makeMs },
    until: statusIs(guest, 'stopped'),
    undo: { kind: 'request', method: 'DELETE', path: guestPath(guest), timeoutMs: destroyMs },
  }
}

/** Its first start, waited for; stopped again when it comes to nothing. */
export function startStep(guest: GuestIdentity): Step {
  return {
    do: { ...post(`${guestPath(guest)}/status/start`), timeoutMs: startMs },
    until: statusIs(guest, 'running'),
    undo: { ...post(`${guestPath(guest)}/status/stop`), timeoutMs: startMs },
  }
}

const statusIs = (guest: GuestIdentity, status: string) => ({
  read: get(`${guestPath(guest)}/status/current`),
  path: 'body.data.status',
  equals: status,
  withinMs: settledWithinMs,
})

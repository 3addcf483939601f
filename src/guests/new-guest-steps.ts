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
  // Only containers are destroyed while they run.
  const force = guest.kind === 'lxc' ? { body: { force: true } } : {}
  return {
    do: { ...make, timeoutMs: makeMs },
    until: statusIs(guest, 'stopped'),
    undo: { kind: 'request', method: 'DELETE', path: guestPath(guest), ...force, timeoutMs: destroyMs },
    undoesLater: true,
  }
}

/** Its first start, waited for. */
export function startStep(guest: GuestIdentity): Step {
  return {
    do: { ...post(`${guestPath(guest)}/status/start`), timeoutMs: startMs },
    until: statusIs(guest, 'running'),
  }
}

/** What a person should know of the way back, before he approves. */
export const wayBackOf = (vmid: number): string =>
  [
    `vmid ${vmid} is free now and not reserved: when somebody takes it first, nothing is made and nothing is overwritten`,
    'when a step fails, what was made is destroyed again',
  ].join('\n')

const statusIs = (guest: GuestIdentity, status: string) => ({
  read: get(`${guestPath(guest)}/status/current`),
  path: 'body.data.status',
  equals: status,
  withinMs: settledWithinMs,
})

import { Secret } from '../lib/secret.ts'
import type { Spelled } from './old-names.ts'
import type { Problem } from './problem.ts'

/** The environment while it is read. */
export interface Reading {
  spelled(name: string): Spelled | undefined
  report(severity: Problem['severity'], variable: string, what: string, hint: string): void
}

/** A value that must not be printed. */
export const secret = (spelled: Spelled | undefined): Secret | undefined =>
  spelled === undefined ? undefined : new Secret(spelled.value)

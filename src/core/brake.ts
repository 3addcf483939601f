import { GatewayError } from './errors.ts'

/** The gateway reads, and changes nothing. */
export interface Freeze {
  readonly at: Date
  /** `cli:0`, `signal:SIGUSR2`, `watch:sweep`, or `unknown` when somebody made the file by hand. */
  readonly by: string
  readonly reason?: string | undefined
  /** Whether changes that run end before their next step, too. */
  readonly stop: boolean
}

/** What the gateway asks before everything it changes. Shared by all processes of a state directory. */
export interface Brake {
  /** Undefined: changes may be made. What cannot be read counts as a freeze. */
  frozen(): Freeze | undefined
}

/** Why no change begins now, who wanted it so, and how it ends. */
export function refusalOf(freeze: Freeze): GatewayError {
  return new GatewayError('frozen', `the gateway is frozen: ${inWords(freeze)}`, {
    hint: 'reads go on, and so does dry_run; a person ends it on the gateway’s machine: tailops unfreeze',
  })
}

/** `since 2026-01-02T03:04:05Z by cli:0: looks odd; changes that run are stopped` */
export function inWords({ at, by, reason, stop }: Freeze): string {
  const why = reason === undefined ? '' : `: ${reason}`
  return `since ${at.toISOString().slice(0, 19)}Z by ${by}${why}${stop ? '; changes that run are stopped' : ''}`
}

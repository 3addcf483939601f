import type { ApiReply } from './answer.ts'

/** A request on its way to a cluster. */
export interface Incoming {
  readonly cluster: string
  /** The node whose door it knocked at. */
  readonly node: string
  readonly method: string
  /** `/nodes/pve1/lxc/101/status/start` */
  readonly path: string
}

/** What goes wrong with one request. `before` and `after` are meant as to its effect. */
export interface Interference {
  /** Answered instead, and nothing is done. */
  readonly reply?: ApiReply
  /** Milliseconds of the clock until it is looked at. */
  readonly delayMs?: number
  /** The connection is reset. */
  readonly reset?: 'before' | 'after'
  /** It is never answered. */
  readonly hang?: 'before' | 'after'
  /** Half of the answer is sent, then the connection ends. */
  readonly half?: boolean
}

/** Decides about every request. */
export type Interfere = (incoming: Incoming) => Interference | undefined

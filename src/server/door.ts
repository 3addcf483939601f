import { createHmac } from 'node:crypto'
import type { Outputs } from '../core/ports.ts'
import { cleanValue } from './clean.ts'
import { redactor } from './redact.ts'
import type { Door } from './render.ts'

/** What the door knows. */
export interface DoorParts {
  /** Secrets that this gateway holds: they never leave it. */
  readonly held: readonly string[]
  /** Random, of this process: marks made with it cannot be foreseen. */
  readonly key: Uint8Array
  readonly outputs: Outputs
}

/** Opens the door between targets and clients. */
export function openDoor({ held, key, outputs }: DoorParts): Door {
  const redact = redactor({ held, key })
  return {
    pass: (value) => redact(cleanValue(value)),
    mark: (text) => createHmac('sha256', key).update(text).digest('hex').slice(0, 8),
    keep: (output) => outputs.put(output),
  }
}

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stores } from '../../src/cli/command.ts'
import type { AuditRecord } from '../../src/core/ports.ts'
import { randomId } from '../../src/lib/random-id.ts'
import { openState, type State } from '../../src/state/open.ts'

/** A state directory of its own, with a clock that the test moves. */
export class StateWorld implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'tailops-state-'))
  readonly logged: string[] = []
  readonly alive = new Set<string>()
  at = Date.parse('2026-03-01T12:00:00Z')
  readonly #opened: State[] = []

  open(processId = 'p1'): State & Stores {
    const note = (event: string) => void this.logged.push(event)
    const state = openState({
      dir: this.dir,
      now: () => new Date(this.at),
      newId: randomId,
      process: { id: processId, isAlive: (id) => this.alive.has(id) },
      log: { debug: note, info: note, warn: note, error: note },
    })
    this.#opened.push(state)
    return state
  }

  close(): void {
    for (const state of this.#opened.splice(0)) state.close()
  }

  [Symbol.dispose](): void {
    this.close()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

export const record = (more: Partial<AuditRecord> = {}): AuditRecord => ({
  at: '2026-03-01T12:00:00.000Z',
  call: 'k7w2m9xq4t3b',
  event: 'finished',
  caller: 'token:abcd',
  tool: 'get_system_status',
  targets: ['local'],
  result: 'done',
  ...more,
})

/** Starts tests/state/worker.ts as a process of its own. */
export const startWorker = (...args: readonly string[]) =>
  spawn(process.execPath, [join(import.meta.dirname, 'worker.ts'), ...args], { stdio: ['pipe', 'pipe', 'inherit'] })

/** The end of a process: what it printed, once it is gone. */
export function ended(worker: ReturnType<typeof startWorker>): Promise<string> {
  let output = ''
  worker.stdout.on('data', (chunk) => {
    output += String(chunk)
  })
  return new Promise((resolve) => worker.on('close', () => resolve(output)))
}

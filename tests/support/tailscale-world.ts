import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { World } from '../../src/cli/command.ts'
import tailscale from '../../src/cli/tailscale.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import type { TailscaleState } from './tailscale-state.ts'

const standIn = join(import.meta.dirname, 'tailscale-stand-in.ts')

/** A machine with a stand-in for `tailscale` as the only program of its PATH. */
export class TailscaleWorld {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tailops-tailscale-'))
  readonly #bin = join(this.#dir, 'bin')
  /** As `tailops serve` has it. */
  env: Record<string, string> = {}
  out = ''
  err = ''

  constructor(state: Partial<TailscaleState> = {}) {
    mkdirSync(this.#bin)
    const program = join(this.#bin, 'tailscale')
    writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${standIn}' '${this.#dir}' "$@"\n`)
    chmodSync(program, 0o755)
    this.set(state)
  }

  /** What happens on the machine, or in the tailnet. */
  set(state: Partial<TailscaleState>): void {
    writeFileSync(this.#stateFile, JSON.stringify({ ...this.state(), ...state }))
  }

  state(): Partial<TailscaleState> {
    return existsSync(this.#stateFile) ? JSON.parse(readFileSync(this.#stateFile, 'utf8')) : {}
  }

  uninstall(): void {
    rmSync(join(this.#bin, 'tailscale'))
  }

  /** Runs the command; its exit code. What was printed before is forgotten. */
  async run(...argv: readonly string[]): Promise<number> {
    this.out = ''
    this.err = ''
    return await tailscale.run(argv, this.world)
  }

  /** What the command prints with --json. */
  async json(...argv: readonly string[]): Promise<Record<string, unknown>> {
    await this.run(...argv, '--json')
    return JSON.parse(this.out)
  }

  /** Every run of the program that was to change something, in order. */
  changes(): readonly string[] {
    if (!existsSync(join(this.#dir, 'log'))) return []
    const lines = readFileSync(join(this.#dir, 'log'), 'utf8').trimEnd().split('\n')
    return lines
      .map((line) => JSON.parse(line).join(' '))
      .filter(
        (line) =>
          !/^(version|status --json --peers=false|serve status --json|serve get-config --service=\S+)$/.test(line),
      )
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }

  get #stateFile(): string {
    return join(this.#dir, 'state.json')
  }

  /** What a command sees of the machine. */
  get world(): World {
    const unused = (): never => {
      throw new TypeError('tailops tailscale needs no gateway and no state')
    }
    return {
      env: { PATH: this.#bin, ...this.env },
      terminal: {
        out: (text) => {
          this.out += text
        },
        err: (text) => {
          this.err += text
        },
        interactive: false,
        ask: unused,
      },
      stateDir: this.#dir,
      user: 'cli:0',
      now: () => systemClock.now(),
      stores: unused,
      version: '0.0.0',
      app: unused,
      serveStdio: unused,
      clock: quick,
      random: unused,
      elsewhere: unused,
    }
  }
}

/** A clock on which pauses between looks are over at once, and a program that waits for ever is ended after a second. */
const quick: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms === 2000 ? 1 : ms === 60_000 ? 1500 : ms, signal),
}

import type { Terminal, World } from '../../src/cli/command.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { StateWorld } from './state-world.ts'

/** A command line on a state directory of its own: what a person types and sees. */
export class CliWorld extends StateWorld {
  out = ''
  err = ''
  /** Answers of the person, in order; a function is given all that was shown so far. */
  readonly answers: (string | ((shown: string) => string))[] = []
  interactive = true
  readonly state = this.open()

  get world(): World {
    const terminal: Terminal = {
      out: (text) => {
        this.out += text
      },
      err: (text) => {
        this.err += text
      },
      interactive: this.interactive,
      ask: async (question) => {
        this.err += question
        const answer = this.answers.shift() ?? ''
        return typeof answer === 'string' ? answer : answer(this.err)
      },
    }
    return {
      env: {},
      terminal,
      stateDir: this.dir,
      user: 'cli:0',
      now: () => new Date(this.at),
      stores: () => this.state,
      version: '0.0.0',
      app: () => Promise.reject(new TypeError('these commands need no gateway')),
      serveStdio: () => Promise.reject(new TypeError('these commands need no gateway')),
      clock: systemClock,
      random: () => 0.5,
      elsewhere: () => {
        throw new TypeError('these commands have one place')
      },
    }
  }
}

import { parseArgs } from 'node:util'
import { inWords } from '../core/brake.ts'
import type { CliCommand } from './command.ts'

const usage = `tailops unfreeze

Allows changes again, after tailops freeze, SIGUSR2, a watch rule, or a file named frozen in the state directory. What was
refused or stopped meanwhile is not done: it has to be asked for again.`

/** The record comes first: nothing is changed again that the log does not know of. */
const unfreeze: CliCommand = {
  usage,
  async run(argv, { stores, terminal, user, now }) {
    parseArgs({ args: [...argv], options: {} })
    const { brake, audit } = stores()
    const before = brake.frozen()
    if (before === undefined) {
      terminal.out('nothing was frozen\n')
      return 0
    }
    const reason = `ended the freeze ${inWords(before)}`
    await audit.append(
      { at: now().toISOString(), call: 'unfreeze', event: 'unfreeze', caller: user, reason },
      { durable: true },
    )
    brake.release()
    terminal.out(`changes are allowed again; they were frozen ${inWords(before)}\n`)
    return 0
  },
}

export default unfreeze

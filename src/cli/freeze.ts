import { parseArgs } from 'node:util'
import { inWords } from '../core/brake.ts'
import type { CliCommand } from './command.ts'

const usage = `tailops freeze [--stop] [--reason TEXT]

From now on the gateway reads and changes nothing: new changes are refused, changes that run finish. --stop ends those
before their next step, too, and takes back what they did where their plan can. It holds for every process of this state
directory and over restarts, until tailops unfreeze. SIGUSR2 to the gateway does the same, and so does a file named
frozen in the state directory.`

const longestReason = 1000

/** The brake comes first, the record second: it must work even where the log cannot be written. */
const freeze: CliCommand = {
  usage,
  async run(argv, { stores, terminal, user, now }) {
    const { values } = parseArgs({
      args: [...argv],
      options: { stop: { type: 'boolean', default: false }, reason: { type: 'string' } },
    })
    const { brake, audit } = stores()
    const reason = values.reason?.trim().slice(0, longestReason)
    const wanted = { at: now(), by: user, ...(reason !== undefined && reason !== '' && { reason }), stop: values.stop }
    const words = inWords(brake.freeze(wanted))
    terminal.out(`frozen ${words}; tailops unfreeze ends it\n`)
    await audit.append(
      { at: now().toISOString(), call: 'freeze', event: 'freeze', caller: user, reason: words },
      { durable: true },
    )
    return 0
  },
}

export default freeze

import { parseArgs } from 'node:util'
import { readSettings } from '../config/settings.ts'
import { askReady, isReady, readyUrl } from '../release/ready.ts'
import type { CliCommand } from './command.ts'

const usage = `tailops health [--wait SECONDS]

Asks the service of this machine whether it is ready: GET /readyz at TAILOPS_LISTEN (127.0.0.1:8080).
--wait asks again until it is ready or the seconds are over.
Exit codes: 0 ready, 1 not ready or nobody listens.`

const tryAgainMs = 100

/** `tailops health`: one question, for installers and monitors on machines that may have no curl. */
const health: CliCommand = {
  usage,
  async run(argv, world) {
    const { values } = parseArgs({ args: [...argv], options: { wait: { type: 'string', default: '0' } } })
    if (!/^\d{1,4}$/.test(values.wait)) {
      world.terminal.err(`tailops health: --wait takes whole seconds, not ${JSON.stringify(values.wait)}\n\n${usage}\n`)
      return 2
    }
    const url = readyUrl(readSettings(world.env).settings.listen)
    const until = world.clock.elapsedMs() + Number(values.wait) * 1000
    let answer = await askReady(url)
    while (!isReady(answer) && world.clock.elapsedMs() < until) {
      await world.clock.sleep(tryAgainMs)
      answer = await askReady(url)
    }
    world.terminal.out(`${answer}: ${url}\n`)
    return isReady(answer) ? 0 : 1
  },
}

export default health

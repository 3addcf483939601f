import { parseArgs } from 'node:util'
import type { CliCommand } from './command.ts'

const usage = `tailops serve --stdio

Serves MCP over stdin and stdout to the client that started it, until the client closes stdin.`

const serve: CliCommand = {
  name: 'serve',
  summary: 'serve MCP to the client that started it (--stdio)',
  usage,
  async run(argv, world) {
    const { values } = parseArgs({ args: [...argv], options: { stdio: { type: 'boolean', default: false } } })
    if (!values.stdio) {
      world.terminal.err(`tailops serve: this version serves over stdio only: tailops serve --stdio\n`)
      return 2
    }
    const app = await world.app()
    try {
      await app.serveStdio()
    } finally {
      await app.close()
    }
    return 0
  },
}

export default serve

import { parseArgs } from 'node:util'
import type { CliCommand } from './command.ts'

const usage = `tailops serve [--stdio]

Serves MCP over Streamable HTTP at http://127.0.0.1:8080/mcp (TAILOPS_LISTEN=host:port chooses another address).
Clients send a bearer token that tailops token mint made.
--stdio  serves the client that started it, over stdin and stdout, until the client closes stdin.
SIGHUP loads targets.yaml again; SIGTERM lets calls finish and stops.`

const serve: CliCommand = {
  usage,
  async run(argv, world) {
    const { values } = parseArgs({ args: [...argv], options: { stdio: { type: 'boolean', default: false } } })
    if (values.stdio) {
      await world.serveStdio()
      return 0
    }
    const app = await world.app()
    try {
      await app.serveHttp()
    } finally {
      await app.close()
    }
    return 0
  },
}

export default serve

import { parseArgs } from 'node:util'
import type { App, CliCommand, World } from './command.ts'

const usage = `tailops serve [--stdio]

Serves MCP over HTTP at http://127.0.0.1:8080/mcp (TAILOPS_LISTEN changes it), or over stdin and stdout.
SIGHUP loads the configuration again; SIGTERM and SIGINT finish what runs and stop.`

const serve: CliCommand = {
  name: 'serve',
  summary: 'serve MCP over HTTP, or with --stdio to the client that started it',
  usage,
  async run(argv, world) {
    const { values } = parseArgs({ args: [...argv], options: { stdio: { type: 'boolean', default: false } } })
    const app = await world.app()
    world.onSignal('SIGHUP', () => app.reload())
    try {
      await (values.stdio ? app.serveStdio() : serveHttp(app, world))
    } finally {
      await app.close()
    }
    return 0
  },
}

async function serveHttp(app: App, world: World): Promise<void> {
  const serving = await app.serveHttp()
  world.terminal.err(`tailops ${world.version} serves ${serving.url}\n`)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) world.onSignal(signal, () => resolve())
  })
  await serving.stop()
}

export default serve

import { openWorld } from './app.ts'
import type { OpenWorld, Terminal } from './cli/command.ts'
import { commands } from './cli/index.ts'
import { GatewayError } from './core/errors.ts'
import { nearest } from './lib/nearest.ts'

/** Flags that people know from other programs, as the commands they stand for. */
const flagForms: Readonly<Record<string, readonly string[]>> = {
  '--version': ['version'],
  '-v': ['version'],
  '--validate-config': ['validate-config'],
  '--update': ['update'],
  '--stdio': ['serve', '--stdio'],
}

async function main(argv: readonly string[]): Promise<number> {
  const { terminal, world } = openWorld(process)
  const [first = 'serve', ...rest] = argv
  const [name = '', ...args] = [...(flagForms[first] ?? [first]), ...rest]
  if (name === '--help' || name === '-h' || name === 'help') {
    terminal.out(help())
    return 0
  }
  const entry = commands.find((candidate) => candidate.name === name)
  if (entry === undefined) return unknownCommand(terminal, name)
  const { default: command } = await entry.load()
  if (args.includes('--help') || args.includes('-h')) {
    terminal.out(`${command.usage}\n`)
    return 0
  }
  let opened: OpenWorld | undefined
  try {
    opened = world()
    return await command.run(args, opened)
  } catch (error) {
    return report(terminal, { name, usage: command.usage }, error)
  } finally {
    opened?.close()
  }
}

function help(): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `tailops: AI assistants look after real machines, through one policy, one approval path and one audit log.\n\n${rows.join('\n')}\n\ntailops COMMAND --help tells more.\n`
}

function unknownCommand(terminal: Terminal, name: string): number {
  const close = nearest(
    name,
    commands.map((command) => command.name),
  )
  terminal.err(
    `tailops: no command ${JSON.stringify(name)}${close === undefined ? '' : `; did you mean ${close}?`}\n${help()}`,
  )
  return 2
}

/** 1 failure, 2 usage, 78 configuration (sysexits.h EX_CONFIG). */
function report(
  terminal: Terminal,
  command: { readonly name: string; readonly usage: string },
  error: unknown,
): number {
  if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
    terminal.err(`tailops ${command.name}: ${error.message}\n\n${command.usage}\n`)
    return 2
  }
  const { code, message, hint, cause } = GatewayError.from(error)
  const why = code === 'internal' && cause instanceof Error ? ` (${cause.message})` : ''
  terminal.err(`tailops ${command.name}: ${code}: ${message}${why}\n${hint === undefined ? '' : `  ${hint}\n`}`)
  if (code === 'invalid_input') return 2
  return code === 'invalid_config' ? 78 : 1
}

process.exitCode = await main(process.argv.slice(2))

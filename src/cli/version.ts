import { parseArgs } from 'node:util'
import type { CliCommand } from './command.ts'

const version: CliCommand = {
  usage: 'tailops version [--json]\n\nPrints the version.',
  async run(argv, { terminal, version: own }) {
    const { values } = parseArgs({ args: [...argv], options: { json: { type: 'boolean', default: false } } })
    terminal.out(values.json ? `${JSON.stringify({ version: own })}\n` : `tailops ${own}\n`)
    return 0
  },
}

export default version

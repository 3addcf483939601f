import { z } from 'zod'
import { type Argv, requireListed, shownArgument, yamlWord } from '../core/command-rules.ts'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { command } from '../core/operation.ts'
import { endOfProgram, programArgument, programEnd } from '../core/program-end.ts'
import { outputOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'

/**
 * Starts a program that `constraints.commands` of the target lists, without a shell. What only reads (core/read-commands)
 * is performed without approval.
 */
export default defineTool({
  name: 'run_command',
  description: 'Run one program with its arguments, no shell. Only what constraints.commands of the target lists.',
  capability: 'command:run',
  risk: 'destructive',
  restorePoint: true,
  targets: ['local', 'ssh'],
  input: z.object({
    argv: z.array(programArgument).min(1).max(64).describe('program, arguments'),
    as_root: z.boolean().optional(),
  }),
  output: z.object(programEnd),
  async plan({ argv: [program = '', ...args], as_root: asRoot = false }, context) {
    const argv: Argv = [program, ...args]
    requireListed(argv, context.target)
    if (asRoot) await checkRoot(argv, context)
    return {
      summary: `run ${argv.map(shownArgument).join(' ')}${asRoot ? ' as root' : ''}`,
      basis: {},
      steps: [{ do: command(argv, asRoot ? { asRoot } : {}), interruptible: true }],
    }
  },
  report: (_plan, [outcome]) => endOfProgram(outcome),
  reportFailure: (_plan, [outcome]) => endOfProgram(outcome),
})

/** Root only where we are root or the target's sudo policy says so; otherwise it would quietly run without. */
async function checkRoot([program]: Argv, { target, read }: Context): Promise<void> {
  const { sudoPolicy, sudoCommands } = target.constraints
  if (sudoPolicy === 'full' || (sudoPolicy === 'limited' && sudoCommands.includes(program))) return
  const uid = outputOf(await read(command(['id', '-u'])), 'asking who we are').trim()
  if (uid === '0') return
  throw new GatewayError('denied', `${shownArgument(program)} may not be run as root on ${target.id}`, {
    hint: `leave as_root out, or the operator can write under constraints of ${target.id} in targets.yaml: sudo_policy: limited, sudo_commands: [${yamlWord(program)}]`,
  })
}

import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Context } from '../../src/core/context.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { type CommandRule, type Constraints, defaultConstraints } from '../../src/core/target.ts'
import { call } from '../../src/gateway/call.ts'
import runCommand from '../../src/tools/run_command.ts'
import { alice, openGatewayWorld } from '../support/gateway-world.ts'
import { shellContext } from '../support/shell-context.ts'

const contextWith = (constraints: Partial<Constraints>, read?: Context['read']): Context => {
  const context = shellContext()
  return {
    ...context,
    read: read ?? context.read,
    target: { ...context.target, constraints: { ...defaultConstraints, ...constraints } },
  }
}
const planned = (argv: readonly string[], commands: readonly CommandRule[]) =>
  runCommand.plan(runCommand.input.parse({ argv }), contextWith({ commands }))

async function refusal(planning: Promise<unknown>): Promise<GatewayError> {
  try {
    await planning
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new TypeError('it was not refused')
}

const ruleIn = z.object({
  commands: z.tuple([z.object({ program: z.string(), args: z.array(z.string()).optional() })]),
})
const ruleOfHint = ({ hint = '' }: GatewayError) => ruleIn.parse(parse(hint.slice(hint.indexOf('commands: ')))).commands

describe('run_command allows', () => {
  const journal = { program: 'journalctl', args: ['-u', '[a-z-]+'] }

  test('a listed program whose every argument fits its pattern', async () => {
    const plan = await planned(['journalctl', '-u', 'nginx'], [journal])
    expect(plan.summary).toBe('run journalctl -u nginx')
    expect(plan.steps).toEqual([{ do: { kind: 'command', argv: ['journalctl', '-u', 'nginx'] }, interruptible: true }])
  })

  test('any arguments of a listed program without patterns', async () => {
    expect((await planned(['uptime', '-p'], [{ program: 'uptime' }])).steps).toHaveLength(1)
  })

  const refused: Readonly<Record<string, readonly string[]>> = {
    'an argument more': ['journalctl', '-u', 'nginx', '--rotate'],
    'an argument less': ['journalctl', '-u'],
    'an argument that fits in part': ['journalctl', '-u', 'nginx;reboot'],
    'an argument with a line after the match': ['journalctl', '-u', 'nginx\n'],
    'another order': ['journalctl', 'nginx', '-u'],
    'another path to the program': ['/usr/bin/journalctl', '-u', 'nginx'],
    'another program': ['reboot'],
    'an empty program': [''],
  }
  for (const [what, argv] of Object.entries(refused)) {
    test(`not ${what}`, async () => {
      expect((await refusal(planned(argv, [journal]))).code).toBe('denied')
    })
  }

  test('no interpreter or wrapper that is listed without patterns', async () => {
    for (const program of ['sh', '/bin/bash', 'python3.11', 'env', 'sudo', 'xargs', 'find', '/usr/bin/perl', 'ssh']) {
      const error = await refusal(planned([program, 'x'], [{ program }]))
      expect(error.message).toContain('without args')
      expect(ruleOfHint(error)).toEqual([{ program, args: ['^x$'] }])
      expect((await planned([program, 'x'], [{ program, args: ['x'] }])).steps).toHaveLength(1)
    }
  })
})

describe('the hint of a denied call', () => {
  test('is the line of targets.yaml that allows it', async () => {
    const error = await refusal(planned(['journalctl', '-u', 'nginx'], []))
    expect(error.hint).toBe(
      'the operator can write under constraints of local in targets.yaml: commands: [{ program: journalctl, args: ["^-u$", "^nginx$"] }]',
    )
  })

  test('allows that call, and no other, whatever is in it', async () => {
    const anything = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => !text.includes('\0'))
    const program = fc.oneof(
      fc.constantFrom('true', 'no', '7z', 'g++', '/opt/x:y/run', '1e3'),
      fc.stringMatching(/^[\w.+]{1,8}$/),
    )
    await fc.assert(
      fc.asyncProperty(program, fc.array(anything, { maxLength: 4 }), anything, async (name, args, other) => {
        const rules = ruleOfHint(await refusal(planned([name, ...args], [])))
        expect((await planned([name, ...args], rules)).steps).toHaveLength(1)
        expect((await refusal(planned([name, ...args, other], rules))).code).toBe('denied')
        if (args.length > 0 && args[0] !== other)
          expect((await refusal(planned([name, other, ...args.slice(1)], rules))).code).toBe('denied')
      }),
      { numRuns: 60 },
    )
  })

  test('is one the configuration accepts: a bare name or an absolute path', async () => {
    for (const program of ['./run', 'a b', '-x', 'x/y', '/opt/a b/run', '['])
      expect((await refusal(planned([program], []))).hint).toBe('name a program by its bare name or its absolute path')
  })

  test('stays short for a long call', async () => {
    const { hint = '' } = await refusal(planned(['echo', 'x'.repeat(4000)], []))
    expect(hint.length).toBeLessThan(300)
  })
})

describe('as_root', () => {
  const input = { argv: ['dmesg'], as_root: true }
  const commands = [{ program: 'dmesg', args: [] }]
  const whoIs = (uid: string) => async () => ({
    ok: true,
    status: 0,
    output: `${uid}\n`,
    errorOutput: '',
    truncated: false,
    durationMs: 1,
  })
  const plan = (constraints: Partial<Constraints>, uid: string) =>
    runCommand.plan(runCommand.input.parse(input), contextWith({ commands, ...constraints }, whoIs(uid)))

  test('is refused where we are not root and sudo is not allowed, with the line that would allow it', async () => {
    const none = await refusal(plan({}, '1000'))
    expect(none.code).toBe('denied')
    expect(none.hint).toContain('sudo_policy: limited, sudo_commands: [dmesg]')
    expect((await refusal(plan({ sudoPolicy: 'limited', sudoCommands: ['ss'] }, '1000'))).code).toBe('denied')
  })

  test('is in the step and the summary where it is allowed', async () => {
    for (const allowed of [
      plan({}, '0'),
      plan({ sudoPolicy: 'full' }, '1000'),
      plan({ sudoPolicy: 'limited', sudoCommands: ['dmesg'] }, '1000'),
    ]) {
      const { summary, steps } = await allowed
      expect(summary).toBe('run dmesg as root')
      expect(steps[0]?.do.asRoot).toBe(true)
    }
  })
})

test('what a person approves hides and reorders nothing', async () => {
  const { summary } = await planned(['echo', 'a b', 'x\u202ey', '\x1b[2K'], [{ program: 'echo' }])
  expect(summary).toBe('run echo "a b" "x\\u202ey" "\\u001b[2K"')
})

test('run_command takes 1 to 64 arguments of at most 4096 characters without NUL', () => {
  const takes = (argv: unknown) => runCommand.input.safeParse({ argv }).success
  expect(takes(Array(64).fill('x'))).toBe(true)
  expect([[], Array(65).fill('x'), ['x'.repeat(4097)], ['x\0y'], 'uptime -p'].map(takes)).toEqual(Array(5).fill(false))
})

test('the report is the exit code and what the program said', () => {
  const plan = { summary: '', basis: {}, steps: [] }
  const outcome = { ok: false, status: 3, output: 'a\n', errorOutput: '', truncated: true, durationMs: 9 }
  expect(runCommand.report(plan, [outcome])).toEqual({ exit_code: 3, output: 'a\n', truncated: true })
})

test('the gateway performs a reading command at once, and asks a person for any other', async () => {
  const world = openGatewayWorld({ tools: [runCommand] })
  const commands = [{ program: 'uname', args: ['-s'] }, { program: 'touch' }]
  const all = world.gateway.targets.all.map((target) => ({
    ...target,
    constraints: { ...defaultConstraints, commands },
  }))
  const gateway = { ...world.gateway, targets: { ...world.gateway.targets, all } }
  const run = (argv: readonly string[]) =>
    call(gateway, { tool: runCommand, input: { argv }, caller: alice, signal: new AbortController().signal })
  const file = join(world.dir, 'never')
  try {
    expect(await run(['uname', '-s'])).toMatchObject({
      status: 'done',
      targets: [{ output: { exit_code: 0, output: 'Linux\n' } }],
    })
    expect(await run(['touch', file])).toMatchObject({ status: 'approval_required' })
    expect((await refusal(run(['uname', '-a']))).code).toBe('denied')
    expect(existsSync(file)).toBe(false)
  } finally {
    await world.stop()
  }
})

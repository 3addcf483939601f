import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { type Capability, capabilities } from '../../src/core/capability.ts'
import { GatewayError } from '../../src/core/errors.ts'
import type { Operation } from '../../src/core/operation.ts'
import type { Plan } from '../../src/core/plan.ts'
import { defaultPolicy, type Policy } from '../../src/core/policy.ts'
import { type Caller, defaultConstraints, type Target } from '../../src/core/target.ts'
import { defineTool, type Tool } from '../../src/core/tool.ts'
import { openLocal } from '../../src/executors/local.ts'
import { type Call, call, type Gateway } from '../../src/gateway/call.ts'
import { openJobs } from '../../src/gateway/jobs.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { logger } from '../../src/lib/log.ts'
import { isProcessAlive, processIdentity } from '../../src/lib/process-identity.ts'
import { randomId } from '../../src/lib/random-id.ts'
import { openState, type State } from '../../src/state/open.ts'

/** A real gateway over real stores and the local executor, in a folder of its own. */
export interface GatewayWorld {
  readonly dir: string
  readonly gateway: Gateway
  readonly state: State
  readonly log: string[]
  ask(tool: string, input?: Record<string, unknown>, more?: Partial<Call>): Promise<CallResult>
  stop(): Promise<void>
}

export const alice: Caller = { id: 'token:alice', scopes: capabilities }

export interface WorldOptions {
  /** An existing folder is used and left in place. */
  readonly dir?: string
  readonly tools?: readonly Tool[]
  readonly policy?: Policy
  readonly targets?: readonly string[]
  readonly capabilities?: readonly Capability[]
  readonly clock?: Clock
}

export function openGatewayWorld(options: WorldOptions = {}): GatewayWorld {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'tailops-gateway-'))
  const log: string[] = []
  const clock = options.clock ?? systemClock
  const logs = logger('debug', (line) => log.push(line), clock.now)
  const state = openState({
    dir: join(dir, 'state'),
    now: clock.now,
    newId: randomId,
    process: { id: processIdentity(process.pid) ?? 'none', isAlive: isProcessAlive },
    log: logs,
  })
  const executor = openLocal({
    stepsDir: join(dir, 'state', 'steps'),
    scripts: {},
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    uid: process.getuid?.() ?? 0,
    clock: systemClock,
  })
  const targets = (options.targets ?? ['local']).map((id): Target => {
    return {
      id,
      kind: 'local',
      tags: ['test'],
      capabilities: options.capabilities ?? capabilities,
      constraints: defaultConstraints,
    }
  })
  const gateway: Gateway = {
    tools: options.tools ?? [stepsTool, lookTool],
    targets: { all: targets, executor: () => executor },
    policy: options.policy ?? defaultPolicy,
    approvals: state.approvals,
    brake: state.brake,
    audit: state.audit,
    journal: state.journal,
    outputs: state.outputs,
    fleet: state.fleet,
    jobs: openJobs(clock),
    clock,
    log: logs,
    version: 'test',
    newId: () => randomId(),
  }
  return {
    dir,
    gateway,
    state,
    log,
    ask(name, input = {}, more = {}) {
      const tool = gateway.tools.find((candidate) => candidate.name === name)
      if (tool === undefined) throw new TypeError(`no tool ${name}`)
      return call(gateway, { tool, input, caller: alice, signal: new AbortController().signal, ...more })
    },
    async stop() {
      await gateway.jobs.idle()
      await executor.close()
      state.close()
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true })
    },
  }
}

const sh = (text: string, ...args: readonly string[]): Operation => ({
  kind: 'command',
  argv: ['sh', '-c', text, 'sh', ...args],
})

/**
 * A change of `steps` steps: step i appends `do i` to the file, its undo `undo i`. The file is the machine's own log of
 * what really happened. The step `fail` exits 3 after its effect; each step takes `ms`.
 */
export const stepsTool = defineTool({
  name: 'append_steps',
  description: 'Appends lines.',
  capability: 'system:admin',
  risk: 'write',
  targets: ['local'],
  input: z.object({
    file: z.string(),
    steps: z.number().int().default(3),
    fail: z.number().int().default(-1),
    fail_undo: z.number().int().default(-1),
    until: z.string().optional(),
    ms: z.number().int().default(0),
  }),
  output: z.object({ lines: z.array(z.string()) }),
  async plan({ file, steps, fail, fail_undo, until, ms }, { read }): Promise<Plan> {
    const { output } = await read({ kind: 'command', argv: ['df', '/'] })
    if (output === '') throw new GatewayError('operation_failed', 'df said nothing')
    const act = (what: string, index: number, exit: number) =>
      sh(
        'printf "%s\\n" "$2 $3" >>"$1"; sleep "$4"; printf "%s\\n" "$2 $3"; exit "$5"',
        file,
        what,
        String(index),
        String(ms / 1000),
        String(exit),
      )
    return {
      summary: `append ${steps} lines to ${file}`,
      basis: { file },
      steps: Array.from({ length: steps }, (_, index) => ({
        do: act('do', index, index === fail ? 3 : 0),
        undo: act('undo', index, index === fail_undo ? 4 : 0),
        ...(until !== undefined &&
          index === steps - 1 && {
            until: {
              read: { kind: 'command', argv: ['uname', '-s'] } as const,
              path: 'output',
              equals: until,
              withinMs: 0,
            },
          }),
      })),
    }
  },
  report: (_plan, outcomes) => ({ lines: outcomes.map(({ output }) => output.trim()) }),
})

/** A query that answers with what `uname` says. */
export const lookTool = defineTool({
  name: 'look',
  description: 'Looks.',
  capability: 'system:read',
  risk: 'read',
  targets: ['local'],
  input: z.object({ word: z.string().max(20).optional() }),
  output: z.object({ kernel: z.string() }),
  run: async (_input, { read }) => ({ kernel: (await read({ kind: 'command', argv: ['uname', '-s'] })).output.trim() }),
})

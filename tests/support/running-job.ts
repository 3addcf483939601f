import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { command } from '../../src/core/operation.ts'
import { defineTool } from '../../src/core/tool.ts'
import { answerWithinMs } from '../../src/gateway/change.ts'
import { movedClock } from './moved-clock.ts'
import { type OwnToolsWorld, openOwnToolsWorld } from './own-tools-world.ts'
import { turn } from './turn.ts'

export interface RunningJob extends OwnToolsWorld {
  readonly job: string
  /** Lets its first step end. */
  go(): void
}

/** A change of two steps whose first one waits until the file `go` is there, a minute at most. */
export const waiting = defineTool({
  name: 'wait_for_file',
  description: 'Waits.',
  capability: 'system:admin',
  risk: 'write',
  targets: ['local'],
  input: z.object({ dir: z.string() }),
  output: z.object({ ok: z.boolean() }),
  plan: async ({ dir }) => ({
    summary: 'wait',
    basis: {},
    steps: [
      {
        do: command([
          'sh',
          '-c',
          'touch "$1/begun"; tries=0; while [ ! -e "$1/go" ] && [ "$tries" -lt 6000 ]; do sleep 0.01; tries=$((tries + 1)); done',
          'sh',
          dir,
        ]),
      },
      { do: command(['touch', `${dir}/second`]) },
    ],
  }),
  report: () => ({ ok: true }),
})

/** A change that runs on until `go`, in a real gateway of its own, and its job. */
export async function openRunningJob(): Promise<RunningJob> {
  const clock = movedClock()
  const opened = openOwnToolsWorld({ tools: [waiting], policy: { rules: [{ id: 'all', effect: 'allow' }] }, clock })
  const answer = opened.ask('wait_for_file', { dir: opened.dir })
  while (!existsSync(join(opened.dir, 'begun'))) await turn()
  clock.advance(answerWithinMs)
  const { call: job } = await answer
  return { ...opened, job, go: () => writeFileSync(join(opened.dir, 'go'), '') }
}

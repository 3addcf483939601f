import { GatewayError } from '../../src/core/errors.ts'
import { merge } from '../../src/fleet/merge.ts'
import { randomId } from '../../src/lib/random-id.ts'
import { openState } from '../../src/state/open.ts'
import { record } from './state-world.ts'

/** A second process on a state directory: `worker.ts DIR append COUNT`, `worker.ts DIR fill`, `worker.ts DIR look` or `worker.ts DIR claim ID DIGEST NOW`. */
const [dir = '', act, first = '', second = '', third = ''] = process.argv.slice(2)
const silent = () => undefined
const state = openState({
  dir,
  now: () => (act === 'claim' ? new Date(Number(third)) : new Date()),
  newId: randomId,
  process: { id: String(process.pid), isAlive: () => true },
  log: { debug: silent, info: silent, warn: silent, error: silent },
})
process.stdout.write('ready\n')
if (act === 'append') {
  for (let index = 0; index < Number(first); index++) {
    const durable = index % 7 === 0
    const group = Array.from({ length: 1 + (index % 5) }, () =>
      state.audit.append(record({ call: String(process.pid), durationMs: index }), { durable }),
    )
    await Promise.all(group)
    if (durable) process.stdout.write(`durable ${index}\n`)
  }
}
if (act === 'fill') {
  const fill = async (): Promise<string> => {
    try {
      for (;;) await Promise.all([1, 2, 3].map(() => state.audit.append(record())))
    } catch (error) {
      return GatewayError.from(error).code
    }
  }
  process.stdout.write(`${await fill()} ${state.audit.verify().ok}\n`)
}
if (act === 'look') {
  // Looks at a fleet of which something changes with each look, until somebody ends it.
  for (let look = 0; ; look++) {
    const at = new Date(1_772_366_400_000 + look * 1000)
    const seen = Array.from({ length: 20 }, (_, index) => ({
      id: `pve:home/${100 + index + (look % 7)}`,
      kind: 'lxc' as const,
      facts: { status: look % 3 === 0 ? 'running' : 'stopped', node: `pve${(look + index) % 3}` },
    }))
    state.fleet.update('home', ({ resources }) => ({
      ...merge(resources, { source: 'home', at, seen, complete: true, gaps: [] }),
      state: {
        source: 'home',
        triedAt: at,
        seenAt: at,
        complete: true,
        gaps: [],
        health: 'up',
        since: at,
        failures: 0,
      },
    }))
    process.stdout.write('.')
  }
}
if (act === 'claim') {
  await new Promise((resolve) => process.stdin.once('data', resolve))
  try {
    state.approvals.claim(first, second, 'token:abcd')
    process.stdout.write('won\n')
  } catch (error) {
    process.stdout.write(`lost: ${error instanceof Error ? error.message : ''}\n`)
  }
}
state.close()
process.exit(0)

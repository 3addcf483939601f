import { GatewayError } from '../../src/core/errors.ts'
import { randomId } from '../../src/lib/random-id.ts'
import { openState } from '../../src/state/open.ts'
import { record } from './state-world.ts'

/** A second process on a state directory: `worker.ts DIR append COUNT`, `worker.ts DIR fill` or `worker.ts DIR claim ID DIGEST NOW`. */
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

import { openGatewayWorld } from './gateway-world.ts'

/** Performs one change of five steps in the folder given; its parent kills it somewhere on the way. */
const [dir = '', fail = '-1'] = process.argv.slice(2)
const world = openGatewayWorld({ dir, policy: { rules: [{ id: 'all', effect: 'allow' }] } })
process.stdout.write('open\n')
const result = await world.ask(
  'append_steps',
  { file: `${dir}/effects`, steps: 5, ms: 15, fail: Number(fail) },
  { requestId: 'once' },
)
process.stdout.write(`${JSON.stringify(result)}\n`)
await world.stop()

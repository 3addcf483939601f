import { z } from 'zod'
import { script } from '../core/operation.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { type InterfaceCounters, parseNetworkCounters } from '../formats/network-counters.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

const sampleSeconds = '0.25'

export default defineTool({
  name: 'get_network_io_counters',
  description: 'Bytes, packets, errors and drops of each network interface, and its rates right now.',
  capability: 'network:read',
  risk: 'read',
  targets: ['local', 'ssh'],
  input: z.object({}),
  output: z.object({
    sample_ms: z.number(),
    interfaces: z.array(
      z.object({
        name: z.string(),
        rx_mbit_s: z.number().optional(),
        tx_mbit_s: z.number().optional(),
        rx_bytes: z.number(),
        tx_bytes: z.number(),
        rx_packets: z.number(),
        tx_packets: z.number(),
        rx_errs: z.number().optional(),
        tx_errs: z.number().optional(),
        rx_drops: z.number().optional(),
        tx_drops: z.number().optional(),
      }),
    ),
    unused: z.string().optional(),
    not_measured: z.string().optional(),
  }),
  async run(_input, { read }) {
    const output = outputOf(await read(script('read/network-counters', [sampleSeconds])), 'reading the counters')
    const { rows, sampleMs } = understood(parseNetworkCounters(output), 'the network counters')
    const isUsed = (row: InterfaceCounters) => row.rx_packets + row.tx_packets + row.rx_drops + row.tx_drops > 0
    const unmeasured = rows.filter(({ rx_mbit_s, tx_mbit_s }) => rx_mbit_s === undefined || tx_mbit_s === undefined)
    return withoutEmpty({
      sample_ms: sampleMs,
      interfaces: withoutEmptyColumns(rows.filter(isUsed), ['rx_errs', 'tx_errs', 'rx_drops', 'tx_drops']),
      unused: namesOf(rows.filter((row) => !isUsed(row))),
      not_measured: unmeasured.length > 0 ? `rates of ${namesOf(unmeasured)} (one sample only)` : '',
    })
  },
})

const namesOf = (rows: readonly InterfaceCounters[]): string => rows.map(({ name }) => name).join(', ')

import { connect, createServer, type Socket } from 'node:net'
import { get, post } from '../../src/core/operation.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { faults } from '../support/pve/faults.ts'
import { proxmoxAt } from '../support/pve/proxmox-target.ts'
import { openStandIn } from '../support/pve/stand-in.ts'
import { executorConformance } from './conformance.ts'

const endless = '/nodes/pve1/syslog'
const container = { node: 'pve1', status: 'running' } as const

/** A way to the stand-in that knows which connections wait for an answer to the endless read. */
async function openRelay(url: string) {
  const { hostname, port } = new URL(url)
  const waiting = new Set<Socket>()
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port) })
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => socket.destroy())
    }
    near.on('data', (chunk) => void (chunk.toString('latin1').includes(endless) && waiting.add(near)))
    near.on('close', () => {
      waiting.delete(near)
      far.destroy()
    })
    far.on('close', () => near.destroy())
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    isWaiting: () => waiting.size > 0,
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

executorConformance('proxmox', async () => {
  const guests = [
    { ...container, vmid: 101, startedAt: Date.now() },
    { ...container, vmid: 102, startedAt: Date.now() },
  ]
  const pve = await openStandIn({ clusters: [{ name: 'a', guests }] })
  pve.fault(faults.hang(), { path: endless })
  const relay = await openRelay(pve.cluster('a').url('pve1'))
  const executor = openProxmox('a', proxmoxAt([relay.url]), systemClock)
  return {
    executor,
    read: { operation: get('/version'), output: '"version":"9.2' },
    refused: { operation: get('/nodes/pve1/lxc/999/status/current'), status: 500 },
    endless: get(endless),
    isWorking: relay.isWaiting,
    foreign: { kind: 'command', argv: ['true'] },
    writes: {
      done: post('/nodes/pve1/lxc/101/status/suspend'),
      failed: { operation: post('/nodes/pve1/lxc/102/status/start'), status: 500 },
      count: () => pve.effects().filter(({ effect }) => effect === 'suspended').length,
    },
    async close() {
      await executor.close()
      await relay.close()
      await pve.stop()
    },
  }
})

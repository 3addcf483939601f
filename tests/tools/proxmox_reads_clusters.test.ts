import { expect, setDefaultTimeout, test } from 'bun:test'
import { openClustersWorld } from '../support/clusters-world.ts'

setDefaultTimeout(60_000)

const storages = [
  { name: 'nas', type: 'nfs', content: ['backup'], shared: true, size: 1000, used: { '*': 400 }, volumes: {} },
]
const guests = [{ vmid: 101, node: 'pve1', name: 'web01' }]

test('a list goes over all clusters, a named guest to its own', async () => {
  const clusters = await openClustersWorld({
    clusters: [
      { name: 'home', storages, guests },
      { name: 'office', storages },
    ],
  })
  try {
    const result = await clusters.ask('proxmox_list_storage')
    expect(JSON.stringify(result)).toContain('office')
    const snapshot = await clusters.ask('proxmox_list_snapshots', { guest: '101' }, { cluster: 'home' })
    expect(JSON.stringify(snapshot)).toContain('lxc 101 web01 on pve1')
    expect(clusters.standIn.violations).toEqual([])
  } finally {
    await clusters.stop()
  }
})

import { expect, test } from 'bun:test'
import { Access } from '../../src/demo/access.ts'
import { openClustersWorld } from '../support/clusters-world.ts'

test('a cluster whose token may read nothing is reachable, and what grants more is told', async () => {
  const access = new Access({
    users: [{ id: 'root@pam', password: 'x' }],
    tokens: [{ id: 'root@pam!none', secret: '11111111-2222-4333-8444-555555555556', privsep: true }],
    acls: [],
    key: 'k',
  })
  const world = await openClustersWorld({ clusters: [{ name: 'home', access }] })
  try {
    const health = JSON.stringify(await world.ask('proxmox_cluster_health'))
    expect(health).toContain('"reachable":"yes"')
    expect(health).toContain('"quorum":"unknown"')
    expect(health).toContain('pveum acl modify /')
    const listed = JSON.stringify(await world.ask('proxmox_list_clusters'))
    expect(listed).toContain('"reachable":"yes"')
    expect(listed).toContain('"quorum":"unknown: ')
    expect(world.standIn.violations).toEqual([])
  } finally {
    await world.stop()
  }
})

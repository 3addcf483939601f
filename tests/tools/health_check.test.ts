import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type OwnToolsWorld, openOwnToolsWorld } from '../support/own-tools-world.ts'

let world: OwnToolsWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

describe('health_check of the gateway', () => {
  test('gives its own state, and warnings of its configuration as a problem', async () => {
    world = openOwnToolsWorld()
    expect(await world.answer('health_check')).toMatchObject({
      version: 'test',
      uptime: '3h 2m',
      config: '/etc/tailops/targets.yaml, loaded 0s ago',
      problems: '2 warnings in /etc/tailops/targets.yaml',
      running_changes: 0,
      targets: 1,
      not_asked_yet: 'local',
    })
  })

  test('counts the approvals that its caller waits for, and no one else’s', async () => {
    world = openOwnToolsWorld()
    const bob = { id: 'token:bob', scopes: ['gateway:read'] } as const
    await world.ask('append_steps', { file: `${world.dir}/effects` })
    await world.ask('append_steps', { file: `${world.dir}/others` })
    expect(await world.answer('health_check')).toMatchObject({ your_pending_approvals: 2 })
    expect(await world.answer('health_check', {}, bob)).toMatchObject({ your_pending_approvals: 0 })
  })

  test('a target that was asked is no longer among those that were not', async () => {
    world = openOwnToolsWorld({ targets: ['local', 'spare'] })
    await world.ask('look', {}, { targets: ['local'] })
    expect(await world.answer('health_check')).toMatchObject({ targets: 2, not_asked_yet: 'spare' })
  })

  test('says that approvals cannot be read, and the rest all the same', async () => {
    world = openOwnToolsWorld()
    const database = new DatabaseSync(join(world.dir, 'state', 'tailops.db'))
    database.exec('DROP TABLE approvals')
    database.close()
    expect(await world.answer('health_check')).toMatchObject({
      problems: expect.stringMatching(/^the approvals cannot be read: .*; 2 warnings/),
      version: 'test',
    })
  })
})

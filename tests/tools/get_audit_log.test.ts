import { afterEach, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type OwnToolsWorld, openOwnToolsWorld } from '../support/own-tools-world.ts'

let world: OwnToolsWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

test('the newest ends are found behind the records of a long change', async () => {
  world = openOwnToolsWorld({ policy: { rules: [{ id: 'all', effect: 'allow' }] } })
  await world.ask('look')
  await world.ask('append_steps', { file: join(world.dir, 'effects'), steps: 20 })
  const { records } = await world.answer('get_audit_log', { limit: 2 })
  expect(records).toMatchObject([
    { tool: 'look', result: 'done' },
    { tool: 'append_steps', result: 'done', targets: 'local' },
  ])
})

test('events: all shows every record, and says which one each is', async () => {
  world = openOwnToolsWorld({ policy: { rules: [{ id: 'all', effect: 'allow' }] } })
  await world.ask('append_steps', { file: join(world.dir, 'effects'), steps: 1 })
  const { records } = await world.answer('get_audit_log', { events: 'all' })
  expect(records).toMatchObject([
    { event: 'started', step: '', reason: expect.stringContaining('append 1 lines') },
    { event: 'step_started', targets: 'local', step: 'do 1', result: '' },
    { event: 'step_ref', step: 'do 1' },
    { event: 'step_ended', targets: 'local', step: 'do 1', result: 'done' },
    { event: 'finished', step: '', result: 'done' },
  ])
})

test('finds by tool, caller, target and result', async () => {
  world = openOwnToolsWorld()
  await world.ask('look')
  await world.ask('look', {}, { caller: { id: 'token:bob', scopes: [] } }).catch(() => undefined)
  const found = async (filter: object) =>
    (await world?.answer('get_audit_log', { ...filter, tool: 'look' }))?.['records']
  expect(await found({ caller: 'token:bob' })).toMatchObject([
    { result: 'denied', reason: expect.stringContaining('system:read') },
  ])
  expect(await found({ result: 'done' })).toMatchObject([{ caller: 'token:alice' }])
  expect(await found({ target: 'elsewhere' })).toEqual([])
})

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { updateSteps } from '../../src/release/steps.ts'
import { UpdateWorld } from '../support/update-world.ts'

setDefaultTimeout(60_000)

const steps = updateSteps.filter((step) => step !== 'recover' && step !== 'back')

describe('the updater is killed at the beginning of', () => {
  for (const step of steps) {
    test(`${step}: a working version is installed, the service answers, and the next update ends well`, async () => {
      await using world = await UpdateWorld.open()
      const from = world.release({ version: '0.2.0' })
      expect(await world.killedAt(step, from)).toBe('SIGKILL')
      expect(['tailops 0.1.0', 'tailops 0.2.0']).toContain(world.installed())
      expect(['0.1.0', '0.2.0']).toContain(await world.answersAtAll())

      expect(await world.update(['--from', from])).toBe(0)
      expect(world.installed()).toBe('tailops 0.2.0')
      await world.answers('0.2.0')
      for (const left of ['next', 'update-pending', 'previous.new']) {
        expect(existsSync(`${world.executable}.${left}`)).toBe(false)
      }
      expect(world.installed(`${world.executable}.previous`)).toBe('tailops 0.1.0')
    })
  }

  const unhealthy = { version: '0.2.0', on: { serve: 'exit 1' } }

  test('restart, with a new version that does not work: the next update goes back by itself', async () => {
    await using world = await UpdateWorld.open()
    const from = world.release(unhealthy)
    await world.killedAt('health', from)
    expect(world.installed()).toBe('tailops 0.2.0')
    const patience = { trialMs: 5000, readyMs: 2000, settleMs: 100 }
    expect(await world.update(['--from', from], { patience })).toBe(9)
    expect(world.err).toContain('the update from 0.1.0 to 0.2.0 was cut off')
    expect(world.installed()).toBe('tailops 0.1.0')
    expect(await world.serving()).toBe('0.1.0')
  })

  test('back: the next update goes back again', async () => {
    await using world = await UpdateWorld.open()
    const from = world.release(unhealthy)
    expect(await world.killedAt('back', from)).toBe('SIGKILL')
    const patience = { trialMs: 5000, readyMs: 2000, settleMs: 100 }
    expect(await world.update(['--rollback'], { patience })).toBe(9)
    expect(world.installed()).toBe('tailops 0.1.0')
    expect(await world.serving()).toBe('0.1.0')
  })
})

import { describe, expect, test } from 'bun:test'
import { command, get, post } from '../../src/core/operation.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { canStartEngines, startEngine } from '../support/docker-engine.ts'
import { executorConformance } from './conformance.ts'

const forever = ['sleep', '100000']

if (canStartEngines)
  executorConformance('docker', async () => {
    const engine = await startEngine()
    engine.run('web', [], forever)
    const { executor, docker } = engine
    const events = () =>
      docker('events', '--since', '0', '--until', String(Math.ceil(Date.now() / 1000)), '--filter', 'event=restart')
    const info = get('/info')
    return {
      executor,
      read: { operation: get('/containers/json'), output: '/web' },
      refused: { operation: get('/containers/nope/json'), status: 404 },
      endless: get('/events'),
      async isWorking() {
        const limits = { signal: AbortSignal.any([]), timeoutMs: 5000, maxOutputBytes: 1024 * 1024 }
        const { output } = await executor.perform(info, limits)
        return JSON.parse(output).NEventsListener > 0
      },
      foreign: command(['docker', 'ps']),
      writes: {
        done: post('/containers/web/restart?t=0'),
        failed: { operation: post('/containers/nope/start'), status: 404 },
        count: () => events().split('restart').length - 1,
      },
      close: () => engine.stop(),
    }
  })

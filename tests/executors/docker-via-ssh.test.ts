import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { DockerConnection, SshConnection } from '../../src/core/connection.ts'
import type { Executor } from '../../src/core/executor.ts'
import { command, get, post } from '../../src/core/operation.ts'
import { openDocker } from '../../src/executors/docker.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks, type SshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { canStartEngines, type DockerEngine, startEngine } from '../support/docker-engine.ts'
import { eventually } from '../support/eventually.ts'
import { freePort, type Sshd, startSshd } from '../support/sshd.ts'
import { executorConformance, limits } from './conformance.ts'

// A test that takes too long would end the processes of all others.
setDefaultTimeout(60_000)

const linksOver = (connection: SshConnection): SshLinks =>
  openSshLinks({ clock: systemClock, connectionOf: (id) => (id === 'web' ? connection : undefined) })

const engineVia = (links: SshLinks, socketPath: string, more: Partial<DockerConnection> = {}): Executor => {
  const connection = { kind: 'docker', socketPath, tlsVerify: false, via: 'web', ...more } as const
  return openDocker('web/docker', { ...connection, link: links.reach('web') }, systemClock)
}

/** What sshd allows, and by which way requests then travel. */
const ways = [
  ['forwarded by sshd', []],
  ['through the docker command', ['AllowStreamLocalForwarding no']],
] as const

for (const [way, lines] of canStartEngines ? ways : []) {
  executorConformance(`docker, ${way}`, async () => {
    const [engine, sshd] = await Promise.all([startEngine(), startSshd(lines)])
    engine.run('web', [], ['sleep', '100000'])
    const executor = engineVia(linksOver(sshd.connection()), engine.connection.socketPath)
    const until = () => String(Math.ceil(Date.now() / 1000))
    const events = () => engine.docker('events', '--since', '0', '--until', until(), '--filter', 'event=restart')
    return {
      executor,
      read: { operation: get('/containers/json'), output: '/web' },
      refused: { operation: get('/containers/nope/json'), status: 404 },
      endless: get('/events'),
      async isWorking() {
        const { output } = await engine.executor.perform(get('/info'), limits())
        return JSON.parse(output).NEventsListener > 0
      },
      foreign: command(['docker', 'ps']),
      writes: {
        done: post('/containers/web/restart?t=0'),
        failed: { operation: post('/containers/nope/start'), status: 404 },
        count: () => events().split('restart').length - 1,
      },
      async close() {
        await engine.stop()
        await sshd.stop()
      },
    }
  })
}

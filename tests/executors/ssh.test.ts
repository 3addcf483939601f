import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, get } from '../../src/core/operation.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { startSshd } from '../support/sshd.ts'
import { executorConformance } from './conformance.ts'

executorConformance('ssh', async () => {
  const sshd = await startSshd()
  const log = join(sshd.dir, 'log-of-writes')
  appendFileSync(log, '')
  const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
  const executor = openSsh({ id: 'web-1', connection: sshd.connection(), links, scripts: {}, clock: systemClock })
  // Both the shell and what it started must end.
  const endless = command(['sh', '-c', `sleep 62.5 & : "$1"; wait`, 'sh', sshd.dir])
  return {
    executor,
    read: { operation: command(['uname', '-s']), output: 'Linux' },
    refused: { operation: command(['sh', '-c', 'echo no >&2; exit 7']), status: 7 },
    endless,
    isWorking: () => spawnSync('pgrep', ['-f', `^sh -c .*${sshd.dir}$|^sleep 62.5$`]).status === 0,
    foreign: get('/targets'),
    writes: {
      done: command(['sh', '-c', 'echo done >>"$1"', 'sh', log]),
      failed: { operation: command(['sh', '-c', 'exit 9']), status: 9 },
      count: () => readFileSync(log, 'utf8').split('done').length - 1,
    },
    close: () => sshd.stop(),
  }
})

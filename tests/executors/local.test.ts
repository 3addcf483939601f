import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, get } from '../../src/core/operation.ts'
import { openLocal } from '../../src/executors/local.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { executorConformance } from './conformance.ts'

executorConformance('local', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-local-'))
  const log = join(dir, 'log')
  appendFileSync(log, '')
  const executor = openLocal({
    stepsDir: join(dir, 'steps'),
    scripts: {},
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    uid: process.getuid?.() ?? 0,
    clock: systemClock,
  })
  // Both the shell and what it started must end.
  const endless = command(['sh', '-c', `sleep 61.5 & : "$1"; wait`, 'sh', dir])
  return {
    executor,
    read: { operation: command(['uname', '-s']), output: 'Linux' },
    refused: { operation: command(['sh', '-c', 'echo no >&2; exit 7']), status: 7 },
    endless,
    isWorking: () => spawnSync('pgrep', ['-f', `^sh -c .*${dir}$|^sleep 61.5$`]).status === 0,
    foreign: get('/targets'),
    writes: {
      done: command(['sh', '-c', 'echo done >>"$1"', 'sh', log]),
      failed: { operation: command(['sh', '-c', 'exit 9']), status: 9 },
      count: () => readFileSync(log, 'utf8').split('done').length - 1,
    },
    close: async () => rmSync(dir, { recursive: true, force: true }),
  }
})

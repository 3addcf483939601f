import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Executor, Limits } from '../../src/core/executor.ts'
import { command, script } from '../../src/core/operation.ts'
import { openGuest } from '../../src/executors/guest.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'

setDefaultTimeout(30_000)

/** Says and does what pct does, without containers: 101 runs, 102 is stopped, 103 is elsewhere. */
const pct = `#!/bin/sh
[ "$1" = exec ] && [ "$3 $4 $5" = '--keep-env 0 --' ] || { echo "400 wrong use: $*" >&2; exit 255; }
case $2 in
  102) echo "container '102' not running!" >&2; exit 255 ;;
  103) echo "Configuration file 'nodes/pve1/lxc/103.conf' does not exist" >&2; exit 2 ;;
esac
shift 5
exec "$@"
`

let dir: string
let sshd: Sshd
let node: Executor

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tailops-guest-'))
  mkdirSync(join(dir, 'bin'))
  writeFileSync(join(dir, 'bin', 'pct'), pct)
  chmodSync(join(dir, 'bin', 'pct'), 0o755)
  sshd = await startSshd([], { PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}` })
  const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined, agentSocket: undefined })
  node = openSsh({ id: 'node-1', connection: sshd.connection(), links, scripts: {}, clock: systemClock })
})

afterAll(async () => {
  await node.close()
  await sshd.stop()
  rmSync(dir, { recursive: true, force: true })
})

const container = (vmid: number, nodeTarget: string | undefined = 'node-1'): Executor =>
  openGuest({
    id: `pve:home/${vmid}`,
    connection: { kind: 'guest', guest: 'lxc', vmid, node: 'pve1', cluster: 'home', nodeTarget },
    scripts: { 'read/updates': 'echo "$1"; cat' },
    clock: systemClock,
    carrier: () => node,
  })

const limits = (more: Partial<Limits> = {}): Limits => ({
  signal: new AbortController().signal,
  timeoutMs: 10_000,
  maxOutputBytes: 100_000,
  ...more,
})

test('arguments reach the program inside as they are', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''))), async (args) => {
      const { output } = await container(101).perform(command(['printf', '%s\\0', ...args]), limits())
      expect(output).toBe(args.length === 0 ? '\0' : args.map((word) => `${word}\0`).join(''))
    }),
    { numRuns: 25 },
  )
})

test('exit code, both outputs, standard input and the output limit pass through', async () => {
  const text = 'cat; echo no >&2; exit 3'
  const outcome = await container(101).perform(
    command(['sh', '-c', text], { stdin: 'abcdef' }),
    limits({ maxOutputBytes: 4 }),
  )
  expect(outcome).toMatchObject({ ok: false, status: 3, output: 'abcd', errorOutput: 'no\n', truncated: true })
})

test('a script of ours runs inside with its arguments', async () => {
  const name = 'read/updates'
  const { output } = await container(101).perform(script(name, ['a b'], { stdin: 'c' }), limits())
  expect(output).toBe('a b\nc')
})

test('a time limit ends what runs inside', async () => {
  const late = container(101).perform(command(['sleep', '60']), limits({ timeoutMs: 500 }))
  await expect(late).rejects.toMatchObject({ code: 'timeout' })
})

test('a container that is stopped, or has moved, could not be reached: nothing was started', async () => {
  const stopped = container(102).perform(command(['id']), limits())
  await expect(stopped).rejects.toMatchObject({ code: 'unreachable', message: 'pve:home/102 is not running' })
  const moved = container(103).perform(command(['id']), limits())
  await expect(moved).rejects.toMatchObject({ code: 'unreachable', message: 'pve:home/103 is no longer on node pve1' })
})

test('a program inside that says the same as pct is believed as a program', async () => {
  const outcome = await container(101).perform(
    command(['sh', '-c', 'echo x; echo not running >&2; exit 255']),
    limits(),
  )
  expect(outcome).toMatchObject({ status: 255, output: 'x\n' })
})

test('a node that nobody configured is named, with the line that adds it', async () => {
  const guest = openGuest({
    id: 'pve:home/101',
    connection: { kind: 'guest', guest: 'lxc', vmid: 101, node: 'pve1', cluster: 'home' },
    scripts: {},
    clock: systemClock,
    carrier: () => node,
  })
  const failed = guest.perform(command(['id']), limits())
  await expect(failed).rejects.toMatchObject({
    code: 'unsupported_target',
    hint: expect.stringContaining('nodes: { pve1:'),
  })
})

test('a write is done once; of one that never began nothing is claimed', async () => {
  const file = join(dir, 'written')
  const operation = command(['tee', file], { stdin: 'once' })
  const outcome = await container(101).perform(operation, limits({ step: 'job1-0-do' }))
  expect(outcome.ok).toBe(true)
  expect(readFileSync(file, 'utf8')).toBe('once')
  const later = await container(101).reconcile(operation, { at: new Date(), step: 'never-begun' })
  expect(later.state).toBe('unknown')
})

import { afterAll, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GatewayError } from '../../src/core/errors.ts'
import checkSystemUpdates from '../../src/tools/check_system_updates.ts'
import { scripts } from '../support/scripts.ts'
import { replayContext, shellContext, shells } from '../support/shell-context.ts'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** What read/updates prints on a machine whose only programs are the usual ones and this manager. */
function machineWith(shell: readonly [string, ...string[]], manager: string, body: string): string {
  const bin = mkdtempSync(join(tmpdir(), 'tailops-updates-'))
  folders.push(bin)
  for (const tool of ['sed', 'tr', 'tail', 'date', 'stat', 'uname']) symlinkSync(pathOf(tool), join(bin, tool))
  const program = join(bin, manager)
  writeFileSync(program, `#!/bin/sh\n${body}\n`)
  chmodSync(program, 0o755)
  const [name, ...args] = shell
  const { stdout } = spawnSync(pathOf(name), [...args, '-c', scripts['read/updates'] ?? '', 'sh'], {
    env: { PATH: bin },
    encoding: 'utf8',
  })
  return stdout
}

const pathOf = (program: string): string =>
  ['/usr/bin', '/bin'].map((folder) => join(folder, program)).find((path) => existsSync(path)) ?? program

for (const shell of shells) {
  describe(`on ${shell.join(' ')}`, () => {
    test('a manager’s output, exit code and last words arrive', async () => {
      const output = machineWith(
        shell,
        'pacman',
        'echo "linux 6.9.3-1 -> 6.9.4-1"; echo "warning: x" >&2; [ "$*" = -Qu ]',
      )
      const answer = await checkSystemUpdates.run({ limit: 50 }, replayContext(output))
      expect(answer).toMatchObject({
        manager: 'pacman',
        count: 1,
        updates: [{ package: 'linux', installed: '6.9.3-1', new: '6.9.4-1' }],
      })
      expect(answer.not_measured).toContain('no package index')
      expect(output).toContain('list_end\n0 warning: x')
    })

    test('no manager is asked to refresh, nor given our input', () => {
      for (const manager of ['dnf', 'zypper', 'apk']) {
        const output = machineWith(shell, manager, 'echo "ARGS $*"; cat')
        const calls = [...output.matchAll(/^ARGS (.*)$/gm)].map(([, args = '']) => args)
        expect(calls.length).toBeGreaterThan(0)
        for (const args of calls) expect(args).toMatch(/(^| )(-C|--no-refresh|--no-network)( |$)/)
      }
    })

    test('a manager that fails is operation_failed with its words', async () => {
      const output = machineWith(shell, 'dnf', 'echo "Error: Cache-only enabled but no cache for fedora" >&2; exit 1')
      const failing = checkSystemUpdates.run({ limit: 50 }, replayContext(output))
      await expect(failing).rejects.toThrow('dnf ended with 1: Error: Cache-only enabled but no cache for fedora')
    })

    test('a machine without a manager is unsupported_target with a hint', async () => {
      const output = machineWith(shell, 'unrelated', '')
      const error = await checkSystemUpdates
        .run({ limit: 50 }, replayContext(output))
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(GatewayError)
      expect(error).toMatchObject({ code: 'unsupported_target', hint: expect.stringContaining('another way') })
    })
  })
}

test.if(existsSync('/usr/bin/apt-get'))(
  'this machine’s apt says the same as its own simulation',
  async () => {
    const { stdout } = spawnSync('apt-get', ['-s', '-o', 'Debug::NoLocking=true', 'dist-upgrade'], { encoding: 'utf8' })
    const lines = stdout.split('\n').filter((line) => line.startsWith('Inst '))
    const answer = await checkSystemUpdates.run({ limit: 2 }, shellContext())
    expect(answer.count).toBe(lines.length)
    expect(answer.updates).toHaveLength(Math.min(2, lines.length))
    expect(answer.more).toBe(lines.length > 2 ? lines.length - 2 : undefined)
  },
  30_000,
)

test('nothing pending is said', async () => {
  const output = '\x1emanager\napt-get\n\x1enow\n100\n\x1elist\n\x1elist_end\n0 \n\x1ereboot\nno\n\x1eindex\n40\n'
  expect(await checkSystemUpdates.run({ limit: 50 }, replayContext(output))).toEqual({
    manager: 'apt',
    index_age: '1m',
    count: 0,
    security_count: 0,
    reboot_required: false,
    updates: [],
    note: 'nothing pending',
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { sha256 } from '../../src/lib/digest.ts'
import { scripts } from '../support/scripts.ts'
import { shells } from '../support/shell-context.ts'

interface Run {
  readonly shell: readonly [string, ...string[]]
  readonly name: string
  readonly args: readonly string[]
  readonly input?: string
  /** Kills the whole group after so many milliseconds. */
  readonly killAfterMs?: number
}

/** Runs a script in a process group of its own. */
function run({
  shell: [program, ...options],
  name,
  args,
  input = '',
  killAfterMs,
}: Run): Promise<{ code: number | null; said: string }> {
  const child = spawn(program, [...options, '-c', scripts[name] ?? '', 'sh', ...args], { detached: true })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  if (killAfterMs !== undefined) setTimeout(() => killGroup(child.pid), killAfterMs)
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })))
}

function killGroup(pid: number | undefined): void {
  try {
    process.kill(-(pid ?? Number.NaN), 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

let root = ''
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'tailops-replace-')))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const owner = `${process.getuid?.()}:${process.getgid?.()}`
const replaceArgs = (path: string, old: string, fresh: string, mode = '0640') => [
  path,
  old === 'absent' ? old : sha256(old),
  sha256(fresh),
  root,
  owner,
  mode,
]

describe.each(shells.map((shell) => [shell.join(' '), shell] as const))('on %s', (_name, shell) => {
  const replace = (path: string, old: string, fresh: string) =>
    run({ shell, name: 'write/file-replace', args: replaceArgs(path, old, fresh), input: fresh })
  const restore = (path: string, old: string, fresh: string) =>
    run({ shell, name: 'write/file-restore', args: replaceArgs(path, old, fresh).slice(0, 4) })
  const fileWith = (name: string, text: string) => {
    const folder = mkdtempSync(join(root, 'case-'))
    const path = join(folder, name)
    writeFileSync(path, text)
    chmodSync(path, 0o640)
    return path
  }

  test.each(['motd', ' a b;$(x)', '-rf', 'é\'"\\'])(
    'replaces %j as a whole, keeps mode and a backup, and takes it back',
    async (name) => {
      const path = fileWith(name, 'old\n')
      expect(await replace(path, 'old\n', 'new\n')).toEqual({ code: 0, said: '' })
      expect(readFileSync(path, 'utf8')).toBe('new\n')
      expect(statSync(path).mode & 0o777).toBe(0o640)
      expect(readFileSync(join(path, '..', `.${name}.tailops-backup`), 'utf8')).toBe('old\n')
      expect(readdirSync(join(path, '..'))).toHaveLength(2)
      expect((await restore(path, 'old\n', 'new\n')).code).toBe(0)
      expect(readFileSync(path, 'utf8')).toBe('old\n')
      expect((await restore(path, 'old\n', 'new\n')).code).toBe(0)
    },
  )

  test('makes a file, and takes that back', async () => {
    const path = join(root, `made-${shell.length}`)
    expect(await replace(path, 'absent', 'new')).toEqual({ code: 0, said: '' })
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect((await restore(path, 'absent', 'new')).code).toBe(0)
    expect(existsSync(path)).toBe(false)
  })

  test('refuses a file that is no longer what it was', async () => {
    const path = fileWith('changed', 'other')
    expect(await replace(path, 'old', 'new')).toEqual({ code: 4, said: 'the file is no longer what it was\n' })
    expect(readFileSync(path, 'utf8')).toBe('other')
    expect((await replace(path, 'absent', 'new')).code).toBe(4)
    expect((await restore(path, 'old', 'new')).code).toBe(4)
    expect(readFileSync(path, 'utf8')).toBe('other')
  })

  test('refuses a text that was cut on its way', async () => {
    const path = fileWith('cut', 'old')
    const { code } = await run({
      shell,
      name: 'write/file-replace',
      args: replaceArgs(path, 'old', 'new text'),
      input: 'new',
    })
    expect(code).toBe(5)
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(join(path, '..'))).toEqual(['cut'])
  })

  test('does not follow a link in the place of the file, of its temporary file or of its folder', async () => {
    const path = fileWith('target', 'old')
    const victim = fileWith('victim', 'old')
    symlinkSync(victim, join(path, '..', '.target.tailops-new'))
    expect((await replace(path, 'old', 'new')).code).toBe(0)
    expect(readFileSync(victim, 'utf8')).toBe('old')

    rmSync(path)
    symlinkSync(victim, path)
    expect((await replace(path, 'old', 'new')).code).toBe(4)
    expect(readFileSync(victim, 'utf8')).toBe('old')

    const folder = join(victim, '..')
    renameSync(folder, `${folder}-moved`)
    symlinkSync(`${folder}-moved`, folder)
    expect((await replace(victim, 'old', 'new')).code).toBe(3)
    expect(readFileSync(`${folder}-moved/victim`, 'utf8')).toBe('old')
  })

  test('refuses a folder outside the root', async () => {
    const inside = mkdtempSync(join(root, 'root-'))
    mkdirSync(`${inside}x`)
    const path = join(`${inside}x`, 'file')
    writeFileSync(path, 'old')
    const args = replaceArgs(path, 'old', 'new').with(3, inside)
    expect((await run({ shell, name: 'write/file-replace', args, input: 'new' })).code).toBe(3)
    expect(readFileSync(path, 'utf8')).toBe('old')
  })

  test('killed at any moment, leaves the whole old or the whole new text, and the next run goes through', async () => {
    const [old, fresh] = ['old line\n'.repeat(20_000), 'new line\n'.repeat(20_000)]
    const path = fileWith('killed', old)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 60 }), async (killAfterMs) => {
        writeFileSync(path, old)
        await run({ shell, name: 'write/file-replace', args: replaceArgs(path, old, fresh), input: fresh, killAfterMs })
        const left = readFileSync(path, 'utf8')
        expect(left === old || left === fresh).toBe(true)
        expect((await replace(path, left, fresh)).code).toBe(0)
        expect(readFileSync(path, 'utf8') === fresh).toBe(true)
      }),
      { numRuns: 25 },
    )
  }, 60_000)
})

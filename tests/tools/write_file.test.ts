import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Context } from '../../src/core/context.ts'
import { GatewayError } from '../../src/core/errors.ts'
import type { Executor } from '../../src/core/executor.ts'
import type { Operation, Outcome } from '../../src/core/operation.ts'
import type { Plan } from '../../src/core/plan.ts'
import { defaultConstraints } from '../../src/core/target.ts'
import { openLocal } from '../../src/executors/local.ts'
import { unifiedDiff } from '../../src/formats/file-diff.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { sha256 } from '../../src/lib/digest.ts'
import writeFile from '../../src/tools/write_file.ts'
import { scripts } from '../support/scripts.ts'
import { shellContext } from '../support/shell-context.ts'

let base = ''
let root = ''
let executor: Executor

beforeAll(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'tailops-write-')))
  root = join(base, 'root')
  mkdirSync(join(root, 'sub'), { recursive: true })
  mkdirSync(join(base, 'rootfoo'))
  writeFileSync(join(base, 'rootfoo/file'), 'outside\n')
  writeFileSync(join(root, 'tls.key'), 'key\n')
  symlinkSync(join(base, 'rootfoo/file'), join(root, 'out'))
  symlinkSync(join(base, 'rootfoo/none'), join(root, 'dangling'))
  symlinkSync(join(base, 'rootfoo'), join(root, 'outdir'))
  executor = openLocal({
    stepsDir: join(base, 'steps'),
    scripts,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    uid: process.getuid?.() ?? 0,
    clock: systemClock,
  })
})
afterAll(async () => {
  await executor.close()
  rmSync(base, { recursive: true, force: true })
})

function context(): Context {
  const shell = shellContext()
  return { ...shell, target: { ...shell.target, constraints: { ...defaultConstraints, fileRoots: [root] } } }
}

const planOf = (input: Record<string, unknown>): Promise<Plan> =>
  writeFile.plan(writeFile.input.parse(input), context())

let steps = 0
const perform = (operation: Operation | undefined): Promise<Outcome> => {
  if (operation === undefined) throw new TypeError('no such step')
  steps++
  return executor.perform(operation, {
    signal: new AbortController().signal,
    timeoutMs: 20_000,
    maxOutputBytes: 65_536,
    step: `s${steps}`,
  })
}

async function refusal(input: Record<string, unknown>): Promise<string> {
  const error = await planOf(input).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof GatewayError)) throw new TypeError(`not refused: ${JSON.stringify(input)}`)
  return error.code
}

describe('a plan', () => {
  test('rests on the real path, the content, the mode and the owner, and shows the diff', async () => {
    const path = join(root, 'motd')
    writeFileSync(path, 'one\ntwo\nthree\n')
    chmodSync(path, 0o604)
    symlinkSync('motd', join(root, 'alias'))
    const plan = await planOf({ path: join(root, 'alias'), content: 'one\n2\nthree\n' })
    expect(plan.basis).toEqual({
      path,
      content: sha256('one\ntwo\nthree\n'),
      mode: '0604',
      owner: `${process.getuid?.()}:${process.getgid?.()}`,
    })
    expect(plan.preview).toBe(`--- ${path}\n+++ ${path}\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three`)
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\n')
  })

  test('of the content that is there already has no steps', async () => {
    const path = join(root, 'same')
    writeFileSync(path, 'same')
    const plan = await planOf({ path, content: 'same' })
    expect(plan.steps).toEqual([])
    expect(writeFile.report(plan, [])).toEqual({ path, sha256: sha256('same') })
  })

  test('is refused outside the roots, there or not, with one answer', async () => {
    for (const path of [
      join(base, 'rootfoo/file'),
      join(base, 'rootfoo/none'),
      join(root, 'out'),
      join(root, 'dangling'),
      join(root, 'outdir/none'),
      join(root, 'outdir/file'),
      '/etc/shadow',
    ])
      expect([path, await refusal({ path, content: 'x', create: true })]).toEqual([path, 'denied'])
  })

  test('is refused for secret files, missing files, folders, binary and large files', async () => {
    writeFileSync(join(root, 'binary'), 'a\0b')
    writeFileSync(join(root, 'latin1'), Buffer.from([0x61, 0xe9, 0x0a]))
    writeFileSync(join(root, 'large'), 'x'.repeat(262_145))
    expect(await refusal({ path: join(root, 'tls.key'), content: 'x' })).toBe('denied')
    expect(await refusal({ path: join(root, '.env'), content: 'x', create: true })).toBe('denied')
    expect(await refusal({ path: join(root, 'none'), content: 'x' })).toBe('not_found')
    expect(await refusal({ path: join(root, 'none/none'), content: 'x', create: true })).toBe('not_found')
    for (const name of ['sub', 'binary', 'latin1', 'large'])
      expect(await refusal({ path: join(root, name), content: 'x', create: true })).toBe('invalid_input')
  })

  test('is refused by the form of its input', () => {
    for (const input of [
      { path: 'a', content: '' },
      { path: '/a/../b', content: '' },
      { path: '/a/', content: '' },
      { path: '/a', content: '\0' },
      { path: '/a', content: 'é'.repeat(131_073) },
    ])
      expect(writeFile.input.safeParse(input).success).toBe(false)
  })
})

test('a performed plan replaces the file, reports it, and its undo takes it back', async () => {
  const path = join(root, 'sub/config')
  writeFileSync(path, 'old\n')
  chmodSync(path, 0o4751)
  const plan = await planOf({ path, content: 'new\n' })
  const outcome = await perform(plan.steps[0]?.do)
  expect(outcome).toMatchObject({ ok: true, errorOutput: '' })
  expect({ text: readFileSync(path, 'utf8'), mode: statSync(path).mode & 0o7777 }).toEqual({
    text: 'new\n',
    mode: 0o4751,
  })
  const backup = join(root, 'sub/.config.tailops-backup')
  expect(writeFile.report(plan, [outcome])).toEqual({ path, sha256: sha256('new\n'), backup })
  expect(readFileSync(backup, 'utf8')).toBe('old\n')
  expect((await perform(plan.steps[0]?.undo)).ok).toBe(true)
  expect(readFileSync(path, 'utf8')).toBe('old\n')
})

test('a performed plan makes a file with mode 0644, and its undo removes it', async () => {
  const path = join(root, 'sub/made')
  const plan = await planOf({ path, content: 'new\n', create: true })
  expect((await perform(plan.steps[0]?.do)).ok).toBe(true)
  expect({ text: readFileSync(path, 'utf8'), mode: statSync(path).mode & 0o7777 }).toEqual({
    text: 'new\n',
    mode: 0o644,
  })
  expect((await perform(plan.steps[0]?.undo)).ok).toBe(true)
  expect(existsSync(path)).toBe(false)
})

test('a file that changed after the plan is left alone', async () => {
  const path = join(root, 'raced')
  writeFileSync(path, 'old\n')
  const plan = await planOf({ path, content: 'new\n' })
  writeFileSync(path, 'theirs\n')
  expect(await perform(plan.steps[0]?.do)).toMatchObject({
    ok: false,
    status: 4,
    errorOutput: 'the file is no longer what it was\n',
  })
  expect(readFileSync(path, 'utf8')).toBe('theirs\n')
})

/** Applies a unified diff as patch(1) does: every kept or removed line must be there. */
function patched(before: string, diff: string): string {
  const old = before === '' ? [] : before.split(/(?<=\n)/)
  const made: string[] = []
  let at = 0
  for (const line of diff.replaceAll('\n\\ No newline at end of file', '\0').split('\n')) {
    const [, start, count] = /^@@ -(\d+),(\d+) \+\d+,\d+ @@$/.exec(line) ?? []
    const text = line.endsWith('\0') ? line.slice(1, -1) : `${line.slice(1)}\n`
    if (start !== undefined) {
      const next = Number(count) === 0 ? Number(start) : Number(start) - 1
      made.push(...old.slice(at, next))
      at = next
      continue
    }
    if (line[0] !== '+') expect(old[at++]).toBe(text)
    if (line[0] !== '-') made.push(text)
  }
  return [...made, ...old.slice(at)].join('')
}

describe('a diff', () => {
  test('turns the one text into the other', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', '', '+', '- x'), { maxLength: 12 })
      .chain((lines) => fc.constantFrom(lines.join('\n'), `${lines.join('\n')}\n`))
    fc.assert(
      fc.property(text, text, (before, after) => {
        const diff = unifiedDiff({ before, after }, 1000)
        if (before === after) return expect(diff).toBe('')
        expect(patched(before, diff)).toBe(after)
      }),
      { numRuns: 60 },
    )
  })

  test('of large texts is bounded in time and length', () => {
    const [before, after] = ['a', 'b'].map((letter) =>
      Array.from({ length: 100_000 }, (_, i) => `${letter}${i % 7}`).join('\n'),
    )
    const diff = unifiedDiff({ before: before ?? '', after: after ?? '' }, 200)
    expect(diff.split('\n')).toHaveLength(201)
    expect(diff).toEndWith('more lines of the diff')
  }, 3000)

  test('says how much of a long line it leaves out', () => {
    const diff = unifiedDiff({ before: '', after: 'x'.repeat(5000) }, 200)
    expect(diff).toContain(`+${'x'.repeat(999)}… 4001 more characters`)
  })
})

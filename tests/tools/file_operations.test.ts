import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Context } from '../../src/core/context.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { defaultConstraints } from '../../src/core/target.ts'
import fileOperations from '../../src/tools/file_operations.ts'
import { canary, makeHostileFiles, readable } from '../support/hostile-files.ts'
import { shellContext, shells } from '../support/shell-context.ts'

let base = ''
let root = ''
beforeAll(() => {
  ;({ base, root } = makeHostileFiles())
})
afterAll(() => rmSync(base, { recursive: true, force: true }))

type Input = Record<string, unknown>
type Output = Awaited<ReturnType<typeof fileOperations.run>>

function contextOn(shell: readonly [string, ...string[]], roots: readonly string[] = [root]): Context {
  const context = shellContext(shell)
  return { ...context, target: { ...context.target, constraints: { ...defaultConstraints, fileRoots: roots } } }
}

describe.each(shells.map((shell) => [shell.join(' '), shell] as const))('on %s', (_name, shell) => {
  const ask = async (input: Input, roots?: readonly string[]): Promise<Output> => {
    const answer = await fileOperations.run(fileOperations.input.parse(input), contextOn(shell, roots))
    return fileOperations.output.parse(answer)
  }
  const refusal = async (input: Input, roots?: readonly string[]) => {
    const error = await ask(input, roots).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (!(error instanceof GatewayError)) throw new TypeError(`not refused: ${JSON.stringify(input)} ${error}`)
    return { code: error.code, message: error.message, hint: error.hint }
  }

  test.each(readable.filter((name) => !name.includes('\n')))('reads %j as it is', async (name) => {
    const path = join(root, name)
    expect(await ask({ action: 'read', path })).toEqual({
      path,
      size: statSync(path).size,
      content: readFileSync(path, 'utf8'),
    })
  })

  test('reads on from next until the file is whole, without splitting a character', async () => {
    const path = join(root, 'long.log')
    let text = ''
    let offset: number | undefined = 0
    while (offset !== undefined) {
      const part = await ask({ action: 'read', path, offset, max_bytes: 16_385 })
      text += part.content
      offset = part.next
    }
    expect(text).toBe(readFileSync(path, 'utf8'))
  })

  test('tails the last lines', async () => {
    const path = join(root, 'long.log')
    expect((await ask({ action: 'tail', path, lines: 2 })).content).toBe('häßlich 🦊\nhäßlich 🦊')
    expect((await ask({ action: 'tail', path: join(root, 'plain.log') })).content).toBe(
      readFileSync(join(root, 'plain.log'), 'utf8').trimEnd(),
    )
  })

  test('follows a link within the roots and says where it leads', async () => {
    expect(await ask({ action: 'read', path: join(root, 'alias.log') })).toMatchObject({
      path: join(root, 'plain.log'),
    })
  })

  test('gives one answer for everything outside the roots, whether it is there or not', async () => {
    const outside = [
      '/etc/shadow',
      '/etc/none',
      '/none/none',
      `${root}foo`,
      `${root}foo/plain.log`,
      `${base}/outside/back/plain.log`,
      '/',
      '/proc/kcore',
      base,
    ]
    const throughLinks = [
      'out.log',
      'outdir',
      'outdir/plain.log',
      'outdir/none',
      'updir/secret.log',
      'updir/none',
      'dangling',
      'dangling/x',
      'loop',
      'kcore',
      'zero',
    ].map((name) => join(root, name))
    for (const path of [...outside, ...throughLinks]) {
      for (const action of ['list', 'info', 'read', 'tail', 'search']) {
        expect({ action, ...(await refusal({ action, path, pattern: 'x', in: 'contents' })) }).toEqual({
          action,
          code: 'denied',
          message: `${path} is outside the allowed roots (${root})`,
          hint: 'a link counts by where it leads; the operator can add file_roots to the target in targets.yaml',
        })
      }
    }
  })

  test('does not touch what is refused by its form', () => {
    for (const path of [
      '../../etc/shadow',
      `${root}/../../etc/shadow`,
      '/var/log\0',
      '/var/log\n/x',
      '',
      `/${'a'.repeat(4096)}`,
    ])
      expect(fileOperations.input.safeParse({ action: 'read', path }).success).toBe(false)
  })

  test('says of a missing file within the roots that it is missing', async () => {
    expect((await refusal({ action: 'read', path: join(root, 'none') })).code).toBe('not_found')
    expect((await refusal({ action: 'list', path: join(root, 'plain.log/x') })).code).toBe('not_found')
  })

  test.each(['tls.key', '.ssh/known', '.env.local', 'ID_RSA', 'innocent.log'])(
    'shows that %s is there but does not read it',
    async (name) => {
      for (const action of ['read', 'tail', 'search'])
        expect((await refusal({ action, path: join(root, name), pattern: 'e', in: 'contents' })).code).toBe('denied')
      expect((await ask({ action: 'info', path: join(root, name) })).size).toBe(19)
    },
  )

  test('does not wait for a FIFO, and shows what it is', async () => {
    expect((await refusal({ action: 'read', path: join(root, 'fifo') })).code).toBe('invalid_input')
    expect((await ask({ action: 'info', path: join(root, 'fifo') })).type).toBe('fifo')
  })

  test('reads of a 10 GB file only what was asked for', async () => {
    const path = join(root, 'huge')
    expect((await ask({ action: 'tail', path, lines: 1 })).content).toEndWith('last line')
    const { content, next } = await ask({ action: 'read', path, offset: 10 * 1024 ** 3, max_bytes: 64 })
    expect({ content, next }).toEqual({ content: 'last line\n', next: undefined })
  }, 2000)

  test('says of a binary file that it is one, and shows no content', async () => {
    const path = join(root, 'binary')
    expect(await ask({ action: 'read', path })).toEqual({ path, size: 7, note: 'binary, not shown' })
  })

  test('lists a folder in rows, hard names included, with an offset that goes on', async () => {
    const all = await ask({ action: 'list', path: root })
    const names = all.rows?.map(({ name }) => name) ?? []
    expect(names).toEqual(
      execFileSync('find', [root, '-maxdepth', '1', '-mindepth', '1', '-printf', '%f\\0'])
        .toString()
        .split('\0')
        .slice(0, -1)
        .sort(),
    )
    expect(all.rows?.find(({ name }) => name === 'out.log')).toMatchObject({ type: 'link' })
    const two = await ask({ action: 'list', path: root, lines: 2, offset: 1 })
    expect({ names: two.rows?.map(({ name }) => name), next: two.next }).toEqual({ names: names.slice(1, 3), next: 3 })
  })

  test('says type, size, time, mode and owner', async () => {
    const path = join(root, 'plain.log')
    chmodSync(path, 0o640)
    const { mtime, size } = statSync(path)
    const owner = execFileSync('stat', ['-c', '%U', path]).toString().trim()
    expect(await ask({ action: 'info', path })).toEqual({
      path,
      type: 'file',
      size,
      modified: `${mtime.toISOString().slice(0, 16)}Z`,
      mode: '0640',
      owner,
    })
  })

  test('searches names for a fixed text', async () => {
    expect((await ask({ action: 'search', path: root, pattern: '*' })).rows).toEqual([{ name: '*', type: 'file' }])
    expect((await ask({ action: 'search', path: root, pattern: 'er.l' })).rows).toEqual([
      { name: 'sub/deep/er.log', type: 'file' },
    ])
  })

  test('searches contents, without secret files and without links out', async () => {
    const { rows = [] } = await ask({ action: 'search', path: root, pattern: 'needle', in: 'contents' })
    expect(rows.map(({ name }) => name).sort()).toEqual([...readable].sort())
    expect(rows.find(({ name }) => name === '-rf')).toEqual({ name: '-rf', line: 2, text: 'needle in -rf' })
  })

  test('searches one file', async () => {
    const { rows } = await ask({ action: 'search', path: join(root, 'plain.log'), pattern: 'end', in: 'contents' })
    expect(rows).toEqual([{ name: 'plain.log', line: 3, text: 'end' }])
  })

  test('with the root / reads no file of /proc, /sys or /dev', async () => {
    for (const path of ['/proc/kcore', '/proc/self/environ', '/sys/class/net/lo/mtu', '/dev/zero', '/dev/null'])
      expect((await refusal({ action: 'read', path }, ['/'])).code).toBe('invalid_input')
  })

  test('resolves a root that is itself a link', async () => {
    const alias = join(base, 'alias-root')
    if (!execFileSync('ls', [base]).includes('alias-root')) symlinkSync(root, alias)
    expect((await ask({ action: 'read', path: join(alias, 'plain.log') }, [alias])).path).toBe(join(root, 'plain.log'))
    expect((await refusal({ action: 'read', path: join(alias, 'out.log') }, [alias])).code).toBe('denied')
  })

  test('is not outrun by links that are swapped while it looks', async () => {
    const swap =
      'while :; do ln -sfn "$1/outside/secret.log" f; ln -sfn "$1/root/plain.log" f; rm -rf d; ln -s "$1/outside/dir" d; rm d; mkdir d; echo inside >d/plain.log; done'
    const folder = mkdtempSync(join(root, 'swapped-'))
    const swapping = spawn('sh', ['-c', swap, 'sh', base], { cwd: folder, stdio: 'ignore' })
    try {
      for (let round = 0; round < 20; round++) {
        for (const input of [
          { action: 'read', path: join(folder, 'f') },
          { action: 'tail', path: join(folder, 'd/plain.log') },
          { action: 'search', path: folder, pattern: 'e', in: 'contents' },
          { action: 'search', path: join(folder, 'd'), pattern: 'e', in: 'contents' },
        ]) {
          const answer = await ask(input).catch((error: unknown) =>
            error instanceof GatewayError ? error.code : error,
          )
          expect(JSON.stringify(answer)).not.toContain(canary)
        }
      }
    } finally {
      const ended = once(swapping, 'close')
      swapping.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    }
  }, 30_000)

  test('no input reads outside the roots', async () => {
    const parts = [
      '',
      '.',
      'root',
      'rootfoo',
      'outside',
      'dir',
      'outdir',
      'updir',
      'back',
      'out.log',
      'secret.log',
      'plain.log',
      'alias.log',
      'innocent.log',
      'tls.key',
      '.ssh',
      'known',
      'sub',
      'deep',
      'er.log',
      'dangling',
      'loop',
      ...readable,
    ]
    const pathOf = fc.tuple(
      fc.constantFrom('', 'root', 'root', 'outside'),
      fc.array(fc.oneof(fc.constantFrom(...parts), fc.string({ maxLength: 5 })), { maxLength: 4 }),
    )
    const inputs = fc.record({
      action: fc.constantFrom('list', 'info', 'read', 'tail', 'search'),
      path: pathOf.map(([first, rest]) => [base, first, ...rest].join('/')),
      pattern: fc.constantFrom('needle', 'e', 'CANARY', '.', '-e', '$(id)'),
      in: fc.constantFrom('names', 'contents'),
      offset: fc.nat(20),
    })
    await fc.assert(
      fc.asyncProperty(inputs, async (input) => {
        const parsed = fileOperations.input.safeParse(input)
        if (!parsed.success) return
        const answer = await ask(input).catch((error: unknown) => {
          if (error instanceof GatewayError && error.code !== 'unexpected_reply' && error.code !== 'internal')
            return undefined
          throw error
        })
        if (answer === undefined) return
        expect(JSON.stringify(answer)).not.toContain(canary)
        expect(`${answer.path}/`).toStartWith(`${root}/`)
        if (input.action === 'read' && answer.content !== undefined)
          expect(answer.content).toBe(
            readFileSync(realpathSync(input.path)).subarray(input.offset).subarray(0, 16_384).toString('utf8'),
          )
      }),
      { numRuns: 150 },
    )
  }, 60_000)
})

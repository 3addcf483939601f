import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { World } from '../../src/cli/command.ts'
import validateConfig from '../../src/cli/validate-config.ts'
import { systemClock } from '../../src/lib/clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'tailops-validate-'))
const file = (name: string) => join(folder, name)

beforeAll(() => {
  writeFileSync(file('good.yaml'), 'version: "1.0"\ntargets:\n  a: { executor: local }\n')
  writeFileSync(file('warned.yaml'), 'version: "1.0"\ntargets:\n  a: { executor: local, capabilites: [] }\n')
  writeFileSync(
    file('bad.yaml'),
    'version: "1.0"\ntargets:\n  a: { executor: shh }\n  b: { executor: local, constraints: { timout: 1 } }\n',
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let out = ''
  let err = ''
  const world: World = {
    env,
    terminal: {
      out: (text) => {
        out += text
      },
      err: (text) => {
        err += text
      },
      interactive: false,
      ask: () => Promise.reject(new Error('nobody to ask')),
    },
    stateDir: folder,
    user: 'cli:1000',
    now: () => new Date(0),
    stores: () => {
      throw new Error('validate-config needs no stores')
    },
    version: '0.0.0',
    app: () => Promise.reject(new TypeError('validate-config needs no gateway')),
    serveStdio: () => Promise.reject(new TypeError('validate-config needs no gateway')),
    clock: systemClock,
    random: () => 0.5,
    elsewhere: () => {
      throw new TypeError('validate-config has one place')
    },
  }
  return { code: await validateConfig.run(argv, world), out, err }
}

describe('validate-config', () => {
  test('a good file: its targets are counted, exit 0', async () => {
    expect(await run([file('good.yaml')])).toEqual({ code: 0, out: 'ok: 1 target\n', err: '' })
  })

  test('warnings are printed and allowed', async () => {
    const { code, out } = await run([file('warned.yaml')])
    expect(code).toBe(0)
    expect(out).toBe(
      `${file('warned.yaml')}:3:25: warning: unknown key "capabilites" in targets.a — did you mean capabilities?\nok: 1 target, 1 warning\n`,
    )
  })

  test('errors are printed one a line, then counted, exit 78', async () => {
    const { code, out } = await run([file('bad.yaml')])
    expect(code).toBe(78)
    expect(out.split('\n')).toEqual([
      `${file('bad.yaml')}:3:18: error: targets.a.executor "shh" is no executor — did you mean ssh?`,
      `${file('bad.yaml')}:4:40: error: unknown key "timout" in targets.b.constraints — did you mean timeout?`,
      '2 errors',
      '',
    ])
  })

  test('--json gives the same as one object', async () => {
    const { code, out } = await run(['--json', file('bad.yaml')])
    expect(code).toBe(78)
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      targets: 0,
      problems: [
        { line: 3, column: 18 },
        { line: 4, column: 40 },
      ],
    })
  })

  test('without FILE it is the configured one', async () => {
    expect((await run([], { TAILOPS_CONFIG: file('good.yaml') })).code).toBe(0)
    const missing = await run([], { TAILOPS_CONFIG: file('none.yaml') })
    expect(missing.code).toBe(78)
    expect(missing.out).toContain('cannot be read')
  })

  test('a strange option or two files are wrong usage', async () => {
    expect((await run(['--yaml', file('good.yaml')])).code).toBe(2)
    const { code, out, err } = await run([file('good.yaml'), file('bad.yaml')])
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain('more than one FILE')
  })
})

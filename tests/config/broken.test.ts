import { describe, expect, test } from 'bun:test'
import { parseTargets } from '../../src/config/load.ts'
import { problemLine } from '../../src/config/problem.ts'
import { brokenShapes } from './broken-shapes.ts'
import { brokenTargets } from './broken-targets.ts'

const env = { HOME: '/home/op', WORD: 'seven', SPACES: '' }

const readFile = (path: string): string => {
  throw new Error(`${path} does not exist`)
}

const lines = (text: string): readonly string[] =>
  parseTargets({ file: 't.yaml', text, env, readFile }).problems.map(
    (problem) => `${problem.severity} ${problemLine(problem)}`,
  )

const head = 'version: "1.0"\ntargets:\n'

describe('a broken targets.yaml', () => {
  for (const [name, text, place, ...words] of [...brokenShapes, ...brokenTargets]) {
    test(`${name} is one problem at its place, with the next step`, () => {
      const found = lines(text)
      expect(found).toHaveLength(1)
      expect(found[0]?.startsWith(`${place} `)).toBe(true)
      for (const word of words) expect(found[0]).toContain(word)
      expect(found[0]).toContain(' — ')
    })
  }

  test('shows every problem at once, in order of place', () => {
    const text = `version: "3"
targets:
  a: { executor: shh, constraints: { timout: 1 } }
  b: { executor: local, capabilities: [x:y], constraints: { concurrency: many } }
  c: { executor: ssh, connection: { host: "\${NOPE}", prot: 22 } }
`
    expect(lines(text).map((line) => line.replace(/^(\w+ t.yaml:\d+:\d+).*/, '$1'))).toEqual([
      'error t.yaml:1:10',
      'error t.yaml:3:18',
      'error t.yaml:3:38',
      'error t.yaml:4:40',
      'error t.yaml:4:74',
      'error t.yaml:5:43',
      'warning t.yaml:5:54',
    ])
  })

  test('checks across keys also where another key of the target is wrong, and not twice', () => {
    const text = `${head}  a: { executor: ssh, connection: { jump: a, prot: 1 }, constraints: { timeout: x, sudo_commands: [ls] } }
  g: { executor: http, connection: { base_url: nowhere, token: a, basic: { username: a, password: b } } }
`
    expect(lines(text).map((line) => line.replace(/^(\w+ t.yaml:\d+:\d+).*/, '$1'))).toEqual([
      'error t.yaml:3:43',
      'warning t.yaml:3:46',
      'error t.yaml:3:81',
      'warning t.yaml:3:99',
      'error t.yaml:4:48',
      'error t.yaml:4:74',
    ])
  })

  test('never shows a value that came from a variable, nor a secret', () => {
    const text = `${head}  a: { executor: ssh, connection: { port: "\${WORD}", password: { a: hunter2 } } }`
    const found = lines(text).join('\n')
    expect(found).not.toContain('seven')
    expect(found).not.toContain('hunter2')
  })
})

describe('a hostile targets.yaml', () => {
  test('an alias bomb is refused', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(', ')}]`,
    )
    const found = lines(`l0: &l0 x\n${levels.join('\n')}\n`)
    expect(found.some((line) => line.includes('more than 100000 values — use fewer aliases'))).toBe(true)
  })

  test('a recursive alias is refused', () => {
    expect(lines('a: &a [*a]\n').some((line) => line.startsWith('error t.yaml:1:8: no anchor &a'))).toBe(true)
  })

  test('a huge file is refused', () => {
    expect(lines(`# ${'x'.repeat(1024 * 1024)}`)[0]).toContain('more than 1 MiB')
  })

  test('deep nesting is refused', () => {
    expect(lines('['.repeat(50_000))[0]).toMatch(/^error t.yaml:1:\d+: /)
    expect(
      lines(`a: ${'['.repeat(100)}${']'.repeat(100)}`).some((line) => line.includes('nested deeper than 64')),
    ).toBe(true)
  })

  test('keys named like parts of an object are only unknown keys', () => {
    const found = lines(
      `version: "1.0"\n__proto__: { polluted: 1 }\nconstructor: 2\ntargets: { a: { executor: local, __proto__: {} } }`,
    )
    expect(found).toHaveLength(3)
    expect(found.every((line) => line.startsWith('warning'))).toBe(true)
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  test('a text of many open references is answered quickly', () => {
    expect(lines(`a: "${'$'}{${'${'.repeat(300_000)}"`)).toHaveLength(2)
  })

  test('ten thousand unknown keys are answered quickly', () => {
    const text = `version: "1.0"\n${Array.from({ length: 10_000 }, (_, i) => `k${i}: 1`).join('\n')}`
    expect(lines(text)).toHaveLength(10_000)
  })
})

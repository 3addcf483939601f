import { expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { shellLine } from '../../src/executors/shell-quote.ts'

const word = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.includes('\0') && text.isWellFormed())

test('any words arrive unchanged through dash, bash and busybox sh', () => {
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 6 }),
      fc.constantFrom('dash', 'bash', 'busybox'),
      (words, name) => {
        const shell: readonly string[] = name === 'busybox' ? ['busybox', 'sh'] : [name]
        const line = shellLine(['printf', '%s\\0', ...words])
        const [program = '', ...args] = [...shell, '-c', line]
        expect(execFileSync(program, args, { encoding: 'utf8' })).toBe(words.map((one) => `${one}\0`).join(''))
      },
    ),
    { numRuns: 60 },
  )
})

test('a line that no Linux takes as one argument is refused', () => {
  expect(() => shellLine(['x'.repeat(131_072)])).toThrow('131071 bytes')
})

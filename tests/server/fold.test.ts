import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { toToon } from '../../src/lib/toon.ts'
import { folded } from '../../src/server/fold.ts'

const status = { manager: 'apt', count: 3, security_count: 1, reboot_required: true, index_age: '2h' }
const hosts = Array.from({ length: 20 }, (_, at) => `web-${String(at + 1).padStart(2, '0')}`)

describe('what many targets said', () => {
  test('twenty of which eighteen agree cost at most 150 tokens, and the others say where they differ', () => {
    const rows = hosts.map((target, at) => {
      if (at === 6) return { target, ...status, count: 9 }
      if (at === 11) return { target, error: 'unreachable', message: 'no route to host', hint: 'is it on?' }
      return { target, ...status }
    })
    const answer = folded(rows)
    expect(answer.asked).toBe('20: 19 answered, 1 failed')
    expect(answer.answers).toEqual([
      { target: `18 of 20: ${hosts.filter((_, at) => at !== 6 && at !== 11).join(' ')}`, ...status },
      { target: 'web-07', differs: { count: 9 } },
      { target: 'web-12', error: 'unreachable', message: 'no route to host', hint: 'is it on?' },
    ])
    const smaller = Math.min(countTokens(toToon(answer)), countTokens(JSON.stringify(answer)))
    expect(smaller).toBeLessThanOrEqual(150)
  })

  test('a field that only some have is a difference', () => {
    const { answers } = folded([
      { target: 'a', ...status },
      { target: 'b', ...status },
      { target: 'c', ...status, kept_back: 2 },
    ])
    expect(answers[1]).toEqual({ target: 'c', differs: { kept_back: 2 } })
  })

  test('where all differ in most, each is told whole', () => {
    const rows = [1, 2, 3].map((at) => ({ target: `t${at}`, cpu: at, memory: at, host: 'x' }))
    expect(folded(rows).answers).toEqual(rows)
  })

  test('nothing is lost: every target is named once, and every answer can be told again', () => {
    const value = fc.record({
      a: fc.integer({ min: 0, max: 2 }),
      b: fc.integer({ min: 0, max: 1 }),
      c: fc.constant('same'),
    })
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 12 }), (values) => {
        const rows = values.map((given, at) => ({ target: `t${at}`, ...given }))
        const { answers } = folded(rows)
        const [first] = answers.map((answer) => ({ ...answer }))
        const told = answers.flatMap((answer) => {
          const { target, differs, ...own } = { differs: undefined, target: '', ...answer }
          const { target: _, ...common } = { target: '', ...first }
          const whole = differs === undefined ? own : { ...common, ...Object(differs) }
          return String(target)
            .replace(/^\d+ of \d+: /, '')
            .split(' ')
            .map((id) => ({ target: id, ...whole }))
        })
        const inOrder = (list: readonly { target: string }[]) =>
          list.toSorted((x, y) => Number(x.target.slice(1)) - Number(y.target.slice(1)))
        expect(inOrder(told)).toEqual(rows)
      }),
    )
  })
})

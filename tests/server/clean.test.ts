import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { cleanText, cleanValue } from '../../src/server/clean.ts'

/** What was printed, and what a person at a terminal would have seen of it; written by hand. */
const cases: readonly (readonly [string, string, string])[] = [
  ['plain text', 'nginx: 200 OK, 3 ms', 'nginx: 200 OK, 3 ms'],
  ['tabs and newlines', 'a\tb\nc', 'a\tb\nc'],
  ['line ends of Windows', 'a\r\nb', 'a\nb'],
  ['a progress bar', '10%\r20%\r30%', '10%\n20%\n30%'],
  ['colours', '\x1b[1;31merror\x1b[0m: x', 'error: x'],
  ['a cursor that goes back over a line', 'deny\x1b[4Dallow', 'denyallow'],
  ['a window title', '\x1b]0;owned\x07text', 'text'],
  ['a hyperlink', '\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\', 'click'],
  ['a device control string', 'a\x1bPq#0\x1b\\b', 'ab'],
  ['an application command', 'a\x1b_G1;1\x1b\\b', 'ab'],
  ['C1 forms of the same', 'a\x9b31mb\x9d0;t\x07c', 'abc'],
  ['a sequence that never ends', 'a\x1b[12;34', 'a'],
  ['a title that never ends does not swallow the next line', '\x1b]0;title\nnext', '\nnext'],
  ['an escape alone', 'a\x1bcb\x1b', 'ab'],
  ['a character set switch', 'a\x1b(0b', 'ab'],
  ['backspaces', 'rm\b\bls', 'rmls'],
  ['a bell and a NUL', 'a\x07b\0c', 'abc'],
  ['zero-width marks', 'a\u200bb\u200cc\u200dd\u2060e\ufefff', 'abcdef'],
  ['soft hyphens', 'pass\u00adword', 'password'],
  ['right-to-left override', 'exe\u202egnp.\u202c', 'exegnp.'],
  ['isolates', '\u2066a\u2069\u200eb\u200f\u061cc', 'abc'],
  ['tag characters: text that only a model reads', 'hi\u{e0001}\u{e0069}\u{e0067}\u{e007f}', 'hi'],
  ['variation selectors that carry bytes', 'x\u{e0100}\u{e01ef}\ufe00', 'x'],
  ['annotations', 'a\ufff9b\ufffac\ufffb', 'abc'],
  ['invisible operators and fillers', 'a\u2061\u2064\u3164\u115f\uffa0b', 'ab'],
  ['line and paragraph separators', 'a\u2028b\u2029c\u0085d', 'a\nb\nc\nd'],
  ['half of a surrogate pair', 'a\ud800b', 'a\ufffdb'],
  ['letters of all scripts', 'é e\u0301 漢字 العربية हिन्दी Ж', 'é e\u0301 漢字 العربية हिन्दी Ж'],
  ['an emoji', 'done 🎉', 'done 🎉'],
  ['private use', 'icon \ue0a0', 'icon \ue0a0'],
]

describe('cleanText', () => {
  test.each(cases)('%s', (_, printed, seen) => {
    expect(cleanText(printed)).toBe(seen)
  })

  /** Code points that must not come out, by their ranges in Unicode's charts; an own table. */
  const forbidden: readonly (readonly [number, number])[] = [
    [0x00, 0x08],
    [0x0b, 0x1f],
    [0x7f, 0x9f],
    [0xad, 0xad],
    [0x34f, 0x34f],
    [0x61c, 0x61c],
    [0x180b, 0x180f],
    [0x200b, 0x200f],
    [0x2028, 0x202e],
    [0x2060, 0x206f],
    [0xd800, 0xdfff],
    [0xfe00, 0xfe0f],
    [0xfeff, 0xfeff],
    [0xfff9, 0xfffb],
    [0xe0000, 0xe0fff],
  ]
  const nasty = fc.oneof(
    fc.integer({ min: 0, max: 0x9f }),
    fc.integer({ min: 0x2000, max: 0x2070 }),
    fc.integer({ min: 0xe0000, max: 0xe01ff }),
    fc.constantFrom(0x1b, 0x5b, 0x5d, 0x9b, 0x6d, 0x0a, 0x0d, 0xfeff, 0x41),
    fc.integer({ min: 0, max: 0x10ffff }),
  )
  const anyText = fc
    .array(nasty, { maxLength: 60 })
    .map((points) => points.map((point) => String.fromCodePoint(point)).join(''))

  test('nothing hidden comes out, nothing grows, and twice is once', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const clean = cleanText(text)
        const points = [...clean].map((character) => character.codePointAt(0) ?? 0)
        expect(points.filter((point) => forbidden.some(([from, to]) => point >= from && point <= to))).toEqual([])
        expect(clean.length).toBeLessThanOrEqual(text.length)
        expect(cleanText(clean)).toBe(clean)
      }),
      { numRuns: 2000 },
    )
  })

  test('hostile text takes no longer than plain text of its size, within a factor of 30', () => {
    const size = 400_000
    const plain = time(() => cleanText('é'.repeat(size)))
    for (const part of ['\x1b[', '\x1b]', '\x1b', '\x9b0;', '\x1b[0', '\u200b', '\r'])
      expect(time(() => cleanText(part.repeat(size / part.length))) / plain).toBeLessThan(30)
  })
})

describe('cleanValue', () => {
  test('cleans strings and keys at every depth, and leaves the rest', () => {
    const value = { 'a\u200bb': ['x\x1b[0m', 1, true, null, { c: '\u202ed' }] }
    expect(cleanValue(value)).toEqual({ ab: ['x', 1, true, null, { c: 'd' }] })
  })

  test('a key __proto__ pollutes nothing', () => {
    const cleaned = cleanValue(JSON.parse('{"__proto__":{"polluted":1}}'))
    expect(Reflect.get(Object(cleaned), 'polluted')).toBeUndefined()
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  test('a value nested without end is cut', () => {
    let value: unknown = 'deep'
    for (let depth = 0; depth < 5000; depth++) value = [value]
    expect(JSON.stringify(cleanValue(value))).toContain('nested too deeply')
  })
})

function time(work: () => unknown): number {
  const took = Array.from({ length: 5 }, () => {
    const began = performance.now()
    work()
    return performance.now() - began
  })
  return Math.max(0.5, Math.min(...took))
}

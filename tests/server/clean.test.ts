import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Secret } from '../../src/lib/secret.ts'
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
  ['an emoji selector without an emoji', 'a\ufe0fb\ufe0e', 'ab'],
  ['more selectors than an emoji has', '❤\ufe0f\ufe0f\ufe0e\ufe0f', '❤\ufe0f'],
  ['a selector hidden behind a zero-width mark', '❤\u200b\ufe0f', '❤'],
  ['a tag character in two halves, kept apart by a hidden mark', 'hi\udb40\u200b\udc41', 'hi\ufffd\ufffd'],
  ['a tag character in two halves, kept apart by a sequence', 'hi\udb40\x1b[m\udc41', 'hi\ufffd\ufffd'],
  ['an escape that a removed mark would complete', '\x1b\u200b[31mx', '[31mx'],
  ['two escapes in a row', '\x1b\x1b[31mx', 'x'],
  ['a sequence inside a sequence', '\x1b[3\x1b[31m1mx', '1mx'],
  ['a title broken off by CAN shows what follows', '\x1b]0;t\x18rm -rf /', 'rm -rf /'],
  ['a title broken off by another sequence', '\x1b]0;t\x1b[31mshown', 'shown'],
  ['a title ended by the C1 terminator', '\x1b]2;t\x9cshown', 'shown'],
  ['a title over a carriage return ends there', '\x1b]0;t\rshown', '\nshown'],
  ['a title over a line separator ends there', '\x1b]0;t\u2028shown', '\nshown'],
  ['the clipboard', '\x1b]52;c;cm0gLXJmIC8=\x07ok', 'ok'],
  ['the screen cleared and left', '\x1b[2J\x1b[H\x1b[?1049hok\x1bc', 'ok'],
  ['colours of 24 bits', '\x1b[38;2;1;2;3mrgb\x1b[0m', 'rgb'],
  ['colours with colons', '\x1b[4:3mcurly\x1b[24m', 'curly'],
  ['a sequence with an intermediate byte', '\x1b[0 qbar', 'bar'],
  ['what a line of systemctl has', '\x1b[0;1;32m●\x1b[0m nginx.service', '● nginx.service'],
  ['a privacy message and a start of string', 'a\x1b^x\x1b\\b\x1bXy\x1b\\c', 'abc'],
  ['C1 strings of every kind', 'a\x90q\x9cb\x98q\x9cc\x9eq\x9cd\x9fq\x9ce', 'abcde'],
  ['a terminator alone', 'a\x1b\\b\x9cc', 'abc'],
  ['DEL', 'a\x7fb', 'ab'],
  ['form feed and vertical tab', 'a\fb\vc', 'abc'],
  ['a next line of C1', 'a\x85b', 'a\nb'],
  ['two carriage returns and a newline', 'a\r\r\nb', 'a\n\nb'],
  ['a byte order mark', '\ufeffkey=1', 'key=1'],
  ['a grapheme joiner', 'a\u034fb', 'ab'],
  ['Mongolian and Khmer marks', 'a\u180eb\u180bc\u17b4d', 'abcd'],
  ['shaping controls of old', 'a\u206ab\u206fc', 'abc'],
  ['a family becomes its members', '👩\u200d👧', '👩👧'],
  ['halves in the wrong order', '\udc00\ud800', '\ufffd\ufffd'],
  ['a whole pair', '\ud83d\ude00', '😀'],
  ['annotations', 'a\ufff9b\ufffac\ufffb', 'abc'],
  ['invisible operators and fillers', 'a\u2061\u2064\u3164\u115f\uffa0b', 'ab'],
  ['line and paragraph separators', 'a\u2028b\u2029c\u0085d', 'a\nb\nc\nd'],
  ['half of a surrogate pair', 'a\ud800b', 'a\ufffdb'],
  ['letters of all scripts', 'é e\u0301 漢字 العربية हिन्दी Ж', 'é e\u0301 漢字 العربية हिन्दी Ж'],
  ['an emoji', 'done 🎉', 'done 🎉'],
  ['an emoji with its selector, and a keycap', '❤\ufe0f 1\ufe0f\u20e3 👍🏽 🇪🇺', '❤\ufe0f 1\ufe0f\u20e3 👍🏽 🇪🇺'],
  ['a no-break space and typographic signs', 'a\u00a0b – “c” … ½ €', 'a\u00a0b – “c” … ½ €'],
  ['compatibility forms are not folded', 'ﬁ Å Å ①', 'ﬁ Å Å ①'],
  ['Thai, Tamil, Ethiopic, Hangul', 'ภาษาไทย தமிழ் አማርኛ 한국어 한', 'ภาษาไทย தமிழ் አማርኛ 한국어 한'],
  ['box drawing and blocks', '├─ a\n└─ b ▇▁', '├─ a\n└─ b ▇▁'],
  ['brackets that only look like a sequence', '[31m [0m ]0;x', '[31m [0m ]0;x'],
  ['nothing', '', ''],
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
    [0xfe00, 0xfe0e],
    [0x115f, 0x1160],
    [0x3164, 0x3164],
    [0xfeff, 0xfeff],
    [0xfff9, 0xfffb],
    [0xe0000, 0xe0fff],
  ]
  const nasty = fc.oneof(
    fc.integer({ min: 0, max: 0x9f }),
    fc.integer({ min: 0x2000, max: 0x2070 }),
    fc.integer({ min: 0xe0000, max: 0xe01ff }),
    fc.constantFrom(0x1b, 0x5b, 0x5d, 0x9b, 0x6d, 0x0a, 0x0d, 0xfeff, 0x41, 0xfe0f, 0x2764, 0x31, 0x20e3),
    fc.constantFrom(0xd83d, 0xde00, 0xdb40, 0xdc41),
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

  test('text of letters, marks and signs that are seen stays', () => {
    const seen = fc.string({ unit: fc.constantFrom(...'aZ0 \t\n.[];{}\\"éß漢字한Жאع🎉\u0301\ue000') })
    fc.assert(fc.property(seen, (text) => expect(cleanText(text)).toBe(text)))
  })

  test('a megabyte of hostile text takes no longer than one of coloured text, within a factor of 300', () => {
    const size = 1_000_000
    const coloured = time(() => cleanText('\x1b[32mok\x1b[0m naïve line of a log\n'.repeat(size / 35)))
    const hostile = ['\x1b[', '\x1b]', '\x1b', '\x9b0;', '\x1b[0', '\x1b ', '\x90', '\u200b', '\r', '\ud800', '1\ufe0f']
    for (const part of hostile)
      expect(time(() => cleanText(part.repeat(size / part.length))) / coloured).toBeLessThan(300)
    for (const start of ['\x1b[', '\x1b]', '\x9b'])
      expect(time(() => cleanText(start + '0'.repeat(size))) / coloured).toBeLessThan(300)
  }, 60_000)
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

  test('a key that cleaning makes equal to another does not take its place', () => {
    expect(cleanValue({ status: 'ok', 'status\u200b': 'spoofed' })).toEqual({ status: 'ok' })
    expect(cleanValue({ 'status\u200b': 'spoofed', status: 'ok' })).toEqual({ status: 'ok' })
    expect(cleanValue({ 'a\u200b': 1, 'a\u200c': 2 })).toEqual({ a: 1 })
  })

  test('a date and a secret are what they are in JSON', () => {
    expect(cleanValue({ at: new Date(0), held: new Secret('hunter22') })).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      held: '[redacted]',
    })
    expect(cleanValue({ toJSON: 'data' })).toEqual({ toJSON: 'data' })
  })

  test('any JSON value keeps its shape, and twice is once', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const clean = cleanValue(value)
        expect(cleanValue(clean)).toEqual(clean)
        expect(Array.isArray(clean)).toBe(Array.isArray(value))
        expect(typeof clean).toBe(typeof value)
      }),
    )
  })

  test('a value nested without end is cut', () => {
    let value: unknown = 'deep'
    for (let depth = 0; depth < 5000; depth++) value = [value]
    expect(JSON.stringify(cleanValue(value))).toContain('nested too deeply')
  })
})

function time(work: () => unknown): number {
  const took = Array.from({ length: 3 }, () => {
    const began = performance.now()
    work()
    return performance.now() - began
  })
  return Math.max(2, Math.min(...took))
}

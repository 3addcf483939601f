/** Deepest nesting of a value that is passed on; what lies deeper is left out. */
const deepest = 40

/** Line ends of other systems, and Unicode's own. */
const lineEnds = /\r\n?|[\u2028\u2029\x85]/g

/**
 * Escape sequences of terminals (ECMA-48): CSI, then strings (OSC, DCS, SOS, PM, APC) to their end or that of the line,
 * then two-character ones; introduced by ESC or by their one-character C1 form. CAN and SUB break a string off.
 */
const escapes =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g

/**
 * What a reader does not see, but a model reads or a terminal obeys: controls but tab and newline, and what Unicode lets
 * programs ignore (UAX #44): zero-width, bidirectional, tag and variation marks; and interlinear annotation. The one mark
 * that makes a sign an emoji (UTS #51) stays with it.
 */
const invisible =
  /(?![\t\n]|(?<=\p{Extended_Pictographic})\ufe0f|(?<=[#*0-9])\ufe0f\u20e3)[\p{Cc}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu

/** Text as a person would see it: nothing hidden in it, nothing that a terminal would obey. Never longer than before. */
export function cleanText(text: string): string {
  if (!suspicious.test(text)) return text
  // Well-formed first: what is removed between two halves of a pair must not join them.
  return text.toWellFormed().replace(lineEnds, '\n').replace(escapes, '').replace(invisible, '')
}

/** Whether a text has anything beyond printable ASCII: most have not, and are passed on as they are. */
const suspicious = /[^\t\n -~]/

/** The same JSON value with every string and key clean. What knows its own JSON (a date, a secret) is taken as that. */
export function cleanValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= deepest) return '[nested too deeply]'
  if ('toJSON' in value && typeof value.toJSON === 'function') return cleanValue(value.toJSON(), depth + 1)
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1))
  const clean = new Map<string, unknown>()
  for (const [key, field] of Object.entries(value)) {
    const name = cleanText(key)
    // A key that only cleaning made equal to another must not take its place.
    if (name !== key && (clean.has(name) || Object.hasOwn(value, name))) continue
    clean.set(name, cleanValue(field, depth + 1))
  }
  // fromEntries defines own properties: a key `__proto__` stays an ordinary one.
  return Object.fromEntries(clean)
}

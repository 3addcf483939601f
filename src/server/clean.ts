/** Deepest nesting of a value that is passed on; what lies deeper is left out. */
const deepest = 40

/**
 * Escape sequences of terminals (ECMA-48): CSI, then strings (OSC, DCS, SOS, PM, APC) to their end or that of the line,
 * then two-character ones; introduced by ESC or by their one-character C1 form.
 */
const escapes =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g

/** Line ends of other systems, and Unicode's own. */
const lineEnds = /\r\n?|[\u2028\u2029\x85]/g

/**
 * What a reader does not see, but a model reads or a terminal obeys: controls but tab and newline, and what Unicode lets
 * programs ignore (UAX #44): zero-width, bidirectional, tag and variation marks; and interlinear annotation.
 */
const invisible = /(?![\t\n])[\p{Cc}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu

/** Text as a person would see it: nothing hidden in it, nothing that a terminal would obey. Never longer than before. */
export function cleanText(text: string): string {
  if (!suspicious.test(text)) return text
  return text.replace(escapes, '').replace(lineEnds, '\n').replace(invisible, '').toWellFormed()
}

/** Whether a text has anything beyond printable ASCII: most have not, and are passed on as they are. */
const suspicious = /[^\t\n -~]/

/** The same JSON value with every string and key clean. */
export function cleanValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= deepest) return '[nested too deeply]'
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1))
  // fromEntries defines own properties: a key `__proto__` stays an ordinary one.
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [cleanText(key), cleanValue(field, depth + 1)]))
}

import { maxArgumentBytes, tooLong } from './arguments.ts'

/**
 * Words as one line of any POSIX shell, which gives exactly these words: `exec 'it'\''s'`. The only place where arguments
 * become shell text; fish reads it the same way.
 * @throws GatewayError invalid_input: too much in all
 */
export function shellLine(words: readonly string[]): string {
  const line = words.map(quoted).join(' ')
  // The whole line is one argument, given to the login shell.
  if (Buffer.byteLength(line) > maxArgumentBytes)
    throw tooLong(`the arguments make more than ${maxArgumentBytes} bytes`)
  return line
}

/** Backslashes stand outside of the quotes as well: inside of them they mean something to fish. */
const quoted = (word: string): string =>
  `'${word.replaceAll(/['\\]+/g, (signs) => `'${signs.replaceAll(/./g, '\\$&')}'`)}'`

import { GatewayError } from '../core/errors.ts'

/** The longest argument that Linux passes to a program: the whole line is one, given to the login shell. */
const maxLineBytes = 131_071

/**
 * Words as one line of any POSIX shell, which gives exactly these words: `exec 'it'\''s'`. The only place where arguments
 * become shell text.
 * @throws GatewayError invalid_input: a NUL in a word, or too much in all
 */
export function shellLine(words: readonly string[]): string {
  const line = words.map(quoted).join(' ')
  if (Buffer.byteLength(line) > maxLineBytes)
    throw new GatewayError('invalid_input', `the arguments make more than ${maxLineBytes} bytes`, {
      hint: 'give long text on standard input',
    })
  return line
}

function quoted(word: string): string {
  if (word.includes('\0')) throw new GatewayError('invalid_input', 'an argument contains a NUL character')
  return `'${word.replaceAll("'", "'\\''")}'`
}

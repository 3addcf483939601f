import { GatewayError } from '../core/errors.ts'

/** The longest argument that Linux passes to a program. */
export const maxArgumentBytes = 131_071

/**
 * A program and its arguments, as they are.
 * @throws GatewayError invalid_input: one of them would not arrive as it is, or not at all
 */
export function checkArguments(argv: readonly string[]): void {
  if (argv[0]?.startsWith('-'))
    throw new GatewayError('invalid_input', `${JSON.stringify(argv[0].slice(0, 100))} is no name of a program`)
  for (const word of argv) {
    if (word.includes('\0')) throw new GatewayError('invalid_input', 'an argument contains a NUL character')
    if (!word.isWellFormed())
      throw new GatewayError('invalid_input', 'an argument contains half a character (a lone surrogate)', {
        hint: 'it has no form in UTF-8 and would arrive as another one',
      })
    if (Buffer.byteLength(word) > maxArgumentBytes) throw tooLong(`an argument has more than ${maxArgumentBytes} bytes`)
  }
}

/** The longest line that a login shell is given: it is one argument, and servers may add to it (`SSH_ORIGINAL_COMMAND=`). */
const maxLineBytes = maxArgumentBytes - 1024

/** @throws GatewayError invalid_input: quoted for a shell, the arguments are more than one line can hold */
export function checkLine(line: string): void {
  const bytes = Buffer.byteLength(line)
  if (bytes > maxLineBytes)
    throw tooLong(`quoted, the arguments have ${bytes} bytes; a login shell takes ${maxLineBytes} in one line`)
}

/** More than a program can be started with. */
export const tooLong = (message: string, cause?: unknown): GatewayError =>
  new GatewayError('invalid_input', message, { hint: 'give long text on standard input', cause })

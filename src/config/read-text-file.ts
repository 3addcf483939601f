import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** No configuration or secret file is larger. */
export const maxFileBytes = 1024 * 1024

/** Text of a regular file of at most 1 MiB; never waits on a FIFO or a device. Throws an Error with one sentence. */
export function readTextFile(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!fstatSync(file).isFile()) throw new Error(`${path} is not a regular file`)
    const bytes = Buffer.alloc(maxFileBytes + 1)
    let length = 0
    for (;;) {
      const count = readSync(file, bytes, length, bytes.length - length, null)
      length += count
      if (count === 0 || length === bytes.length) break
    }
    if (length > maxFileBytes) throw new Error(`${path} is larger than 1 MiB`)
    return bytes.toString('utf8', 0, length)
  } finally {
    closeSync(file)
  }
}

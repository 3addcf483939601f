import { expect, test } from 'bun:test'
import { plainBody, streamsOf } from '../../src/executors/docker-stream.ts'

const frame = (stream: number, text: string): Uint8Array => {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const framed = Buffer.concat([frame(1, 'out\n'), frame(2, 'err ü\n'), frame(1, ''), frame(1, 'more\n')])

test.each([1, 2, 3, 5, 7, 8, 9, 100])('frames are put together from chunks of %d bytes', async (size) => {
  const { output, errorOutput } = await streamsOf(chunks(framed, size), 1000)
  expect([output.text, errorOutput.text]).toEqual(['out\nmore\n', 'err ü\n'])
  expect([output.truncated, errorOutput.truncated]).toEqual([false, false])
})

test.each([1, 4, 100])('what has no frames is output, in chunks of %d bytes', async (size) => {
  const { output, errorOutput } = await streamsOf(chunks(Buffer.from('a terminal\r\n\x01says'), size), 1000)
  expect([output.text, errorOutput.text]).toEqual(['a terminal\r\n\x01says', ''])
})

test('each stream is cut for itself, never inside a character', async () => {
  const { output, errorOutput } = await streamsOf(chunks(framed, 4), 5)
  expect(output).toEqual({ text: 'out\nm', truncated: true })
  expect(errorOutput).toEqual({ text: 'err ', truncated: true })
})

test('an endless body is read no further than its limit', async () => {
  let read = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read++
      yield Buffer.from('xxxx')
    }
  }
  expect(await plainBody(endless(), 10)).toEqual({ text: 'xxxxxxxxxx', truncated: true })
  expect(read).toBe(3)
  expect((await streamsOf(endless(), 10)).output.truncated).toBe(true)
})

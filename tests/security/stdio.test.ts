import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn, spawnSync } from 'node:child_process'
import { childrenOf } from '../support/children-of.ts'
import { eventually } from '../support/eventually.ts'
import { binary, type Installed, install } from '../support/installed.ts'
import { initialize, rpc } from './requests.ts'

let place: Installed
beforeAll(() => {
  place = install()
})
afterAll(() => place.remove())

/** A tailops over stdio that was sent these bytes. */
function start(bytes: string | Uint8Array) {
  const child = spawn(binary, ['serve', '--stdio'], { env: place.env, stdio: ['pipe', 'pipe', 'pipe'] })
  const seen = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    seen.out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    seen.err += chunk.toString()
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  child.stdin.on('error', () => undefined)
  child.stdin.write(bytes)
  return { child, seen, ended }
}

const initialized = `${initialize()}\n${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`

describe('A13: stdio', () => {
  test('stdout is the protocol and nothing else, whatever comes in', async () => {
    const bad = ['', 'nonsense', '{"jsonrpc":"2.0"}', '[]', 'null', '{"jsonrpc":"2.0","id":7,"method":"nope"}']
    const { child, seen, ended } = start(
      `${initialized}${bad.map((line) => `${line}\n`).join('')}${rpc('ping', {}, 'last')}\n`,
    )
    await eventually(() => seen.out.includes('"last"'), 'the last answer')
    child.stdin.end()
    expect(await ended).toBe(0)
    for (const line of seen.out.trim().split('\n')) expect(JSON.parse(line).jsonrpc).toBe('2.0')
  })

  test('a message in pieces, cut in the middle of a character, is one message', async () => {
    const bytes = Buffer.from(`${rpc('tools/call', { name: 'explain_policy', arguments: { tool: 'né' } }, 'whole')}\n`)
    const cut = bytes.indexOf('é') + 1
    const { child, seen, ended } = start(initialized)
    child.stdin.write(bytes.subarray(0, cut))
    await eventually(() => seen.out.includes('protocolVersion'), 'the first answer')
    child.stdin.write(bytes.subarray(cut))
    await eventually(() => seen.out.includes('"whole"'), 'the answer')
    expect(seen.out).toContain('né')
    child.stdin.end()
    await ended
  })

  test('a line that never ends is given up at 10 MB, without a crash dump on stdout', async () => {
    const { child, seen, ended } = start(initialized)
    await eventually(() => seen.out.includes('protocolVersion'), 'the first answer')
    child.stdin.write('x'.repeat(11 * 1024 * 1024))
    child.stdin.end()
    expect(await ended).toBe(0)
    for (const line of seen.out.trim().split('\n')) expect(JSON.parse(line).jsonrpc).toBe('2.0')
  })

  test('the end of stdin ends it, and what it had started on this machine', async () => {
    const { child, seen, ended } = start(
      `${initialized}${rpc('tools/call', { name: 'get_system_status', arguments: {} })}\n`,
    )
    await eventually(() => childrenOf(child.pid).length > 0, 'the read began')
    const began = performance.now()
    child.stdin.end()
    expect(await ended).toBe(0)
    // The read samples for a quarter of a second: an end that waited for it, or for a time limit, would show.
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(seen.err).not.toContain('Error:')
  })

  test('a client that closes its end of stdout does not make it crash', async () => {
    const { child, seen, ended } = start(initialized)
    await eventually(() => seen.out.includes('protocolVersion'), 'the first answer')
    child.stdout.destroy()
    child.stdin.write(`${rpc('tools/list')}\n${rpc('tools/list')}\n`)
    child.stdin.end()
    expect([0, 1]).toContain((await ended) ?? -1)
    expect(seen.err).not.toMatch(/^\s+at /m)
  })
})

describe('E6: what clients are shown does not change by itself', () => {
  test('two starts list the same tools, in the same order, word for word', async () => {
    const lists = [0, 1].map(async () => {
      const { child, seen, ended } = start(`${initialized}${rpc('tools/list', {}, 'list')}\n`)
      await eventually(() => seen.out.includes('"list"}'), 'the list')
      child.stdin.end()
      await ended
      return seen.out.split('\n').find((line) => line.includes('"list"}'))
    })
    const [first, second] = await Promise.all(lists)
    expect(first).toBe(second ?? '')
    expect(first).toContain('get_system_status')
  })
})

describe('E5: the audit log', () => {
  test('has every call with caller, arguments and end; line breaks and escapes in arguments make no line of their own', () => {
    const forged = 'x\n{"seq":99,"event":"finished","result":"done"}\x1b[2K'
    spawnSync(binary, ['call', 'explain_policy', `--tool=${forged}`], { env: place.env })
    const lines = place.run(['audit', 'tail', '--json', '--limit=1']).trim().split('\n')
    expect(lines).toHaveLength(1)
    const record = JSON.parse(lines[0] ?? '')
    expect(record).toMatchObject({ tool: 'explain_policy', input: { tool: forged }, result: 'unknown_tool' })
    expect(lines[0]).not.toContain('\x1b')
    expect(place.run(['audit', 'verify'])).toMatch(/ok|holds/i)
  })
})

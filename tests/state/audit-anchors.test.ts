import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { Logger } from '../../src/lib/log.ts'
import { type AnchorPlace, anchorUntil } from '../../src/state/audit-anchors.ts'
import { readAnchors } from '../../src/state/audit-head.ts'
import { movedClock } from '../support/moved-clock.ts'
import { record, StateWorld } from './state-world.ts'

const nothing = () => undefined

/** A witness over HTTP that answers as the test wants. */
async function openWitness() {
  const said: string[] = []
  const witness = { said, status: 204, url: '', close: () => server.close().closeAllConnections() }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += String(chunk)
    })
    request.on('end', () => {
      if (witness.status < 300) said.push(body)
      response.writeHead(witness.status).end()
    })
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const address = server.address()
  witness.url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/`
  return witness
}

test('the head is anchored at the start, at each interval in which it has grown, and at the end, in every place', async () => {
  using world = new StateWorld()
  const { audit, identity } = world.open()
  const witness = await openWitness()
  const file = join(world.dir, 'anchors')
  const logged: unknown[] = []
  const note = (event: string, fields?: object) => void logged.push({ event, ...fields })
  const log: Logger = { debug: note, info: note, warn: note, error: note }
  const clock = movedClock()
  const over = new AbortController()
  const places: readonly AnchorPlace[] = [
    { kind: 'file', path: file },
    { kind: 'journal' },
    { kind: 'http', url: witness.url },
  ]
  await audit.append(record())
  const asleep = clock.sleeper(60_000)
  const anchoring = anchorUntil({ places, everyMs: 60_000, clock, log, audit, identity }, over.signal)
  await asleep
  const seqs = () => readAnchors(readFileSync(file, 'utf8'), identity().publicKey).anchors.map(({ seq }) => seq)
  const next = async () => {
    clock.advance(60_000)
    await clock.sleeper(60_000)
  }
  expect(seqs()).toEqual([1])
  await next()
  expect(seqs()).toEqual([1])
  await audit.append(record())
  witness.status = 500
  await next()
  expect(seqs()).toEqual([1, 2])
  expect(witness.said).toHaveLength(1)
  expect(JSON.stringify(logged)).toContain('the audit log could not be anchored')
  witness.status = 204
  await next()
  expect(witness.said.map((text) => JSON.parse(text).seq)).toEqual([1, 2])
  await audit.append(record())
  over.abort()
  await anchoring
  expect(seqs()).toEqual([1, 2, 3])
  const journal = logged.map((line) => JSON.stringify(line)).join('\n')
  expect(readAnchors(journal, identity().publicKey).anchors.map(({ seq }) => seq)).toEqual([1, 2, 3])
  witness.close()
})

test('an empty log and no places are no work', async () => {
  using world = new StateWorld()
  const { audit, identity } = world.open()
  const log: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
  const clock = movedClock()
  await anchorUntil({ places: [], everyMs: 1, clock, log, audit, identity }, new AbortController().signal)
  const over = new AbortController()
  over.abort()
  const path = join(world.dir, 'never')
  await anchorUntil({ places: [{ kind: 'file', path }], everyMs: 1, clock, log, audit, identity }, over.signal)
  expect(() => readFileSync(path)).toThrow('ENOENT')
})

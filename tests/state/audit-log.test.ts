import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { FileAuditLog } from '../../src/state/audit-log.ts'
import { FileLock } from '../../src/state/file-lock.ts'
import { ended, record, StateWorld, startWorker } from './state-world.ts'

test('a log that was only appended to verifies, and its tail is what was written', async () => {
  using world = new StateWorld()
  const { audit } = world.open()
  await audit.append(record({ input: { note: 'a ","hash":"b"} \u2028 ü' } }))
  await Promise.all([audit.append(record({ call: 'b' })), audit.append(record({ call: 'c' }), { durable: true })])
  expect(audit.verify()).toEqual({ ok: true, records: 3, files: 1 })
  expect(audit.tail({ limit: 2 }).map(({ seq, call }) => [seq, call])).toEqual([
    [2, 'b'],
    [3, 'c'],
  ])
  expect(statSync(join(world.dir, 'audit.jsonl')).mode & 0o777).toBe(0o600)
})

test('the tail can be narrowed to a caller, tool, target and result', async () => {
  using world = new StateWorld()
  const { audit } = world.open()
  await audit.append(record({ caller: 'token:a', result: 'denied' }))
  await audit.append(record({ caller: 'token:b', targets: ['pve1'] }))
  expect(audit.tail({ limit: 9, caller: 'token:a' }).map(({ seq }) => seq)).toEqual([1])
  expect(audit.tail({ limit: 9, target: 'pve1' }).map(({ seq }) => seq)).toEqual([2])
  expect(audit.tail({ limit: 9, result: 'denied' }).map(({ seq }) => seq)).toEqual([1])
  expect(audit.tail({ limit: 9, tool: 'other' })).toEqual([])
})

test('a record is found in the tail before its write was awaited', () => {
  using world = new StateWorld()
  const { audit } = world.open()
  const written = audit.append(record())
  expect(audit.tail({ limit: 1 })).toHaveLength(1)
  return written
})

const small = (world: StateWorld, maxBytes: number) => {
  const lock = new FileLock(join(world.dir, 'audit.lock.db'))
  let ids = 0
  const newId = () => String(++ids)
  const audit = new FileAuditLog({ dir: world.dir, lock, now: () => new Date(world.at), newId, maxBytes })
  const close = () => {
    audit.close()
    lock.close()
  }
  return { audit, [Symbol.dispose]: close }
}

test('rotation begins a new file and keeps the chain', async () => {
  using world = new StateWorld()
  using one = small(world, 1000)
  using other = small(world, 1000)
  for (let index = 0; index < 10; index++) {
    await one.audit.append(record({ durationMs: index }), { durable: true })
    await other.audit.append(record({ durationMs: index }))
  }
  const verdict = one.audit.verify()
  expect(verdict).toMatchObject({ ok: true, records: 20 })
  expect(verdict.files).toBeGreaterThan(3)
  expect(readdirSync(world.dir)).toContain('audit-000000000001.jsonl')
  expect(one.audit.tail({ limit: 20 }).map(({ seq }) => seq)).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
  expect([...one.audit.lines()]).toHaveLength(20)
})

test('any change of one byte in any file of the log is found', async () => {
  using world = new StateWorld()
  using log = small(world, 900)
  for (let index = 0; index < 8; index++) await log.audit.append(record({ durationMs: index }))
  const names = readdirSync(world.dir).filter((name) => name.endsWith('.jsonl'))
  expect(names.length).toBeGreaterThan(1)
  const change = fc.record({
    name: fc.constantFrom(...names),
    where: fc.double({ min: 0, max: 1, noNaN: true }),
    kind: fc.constantFrom('replace', 'insert', 'delete'),
    byte: fc.integer({ min: 0, max: 255 }),
  })
  const found = fc.property(change, ({ name, where, kind, byte }) => {
    const path = join(world.dir, name)
    const before = readFileSync(path)
    const at = Math.min(before.length - 1, Math.floor(where * before.length))
    const put = kind === 'delete' ? [] : [byte]
    const after = Buffer.concat([
      before.subarray(0, at),
      Buffer.from(put),
      before.subarray(kind === 'insert' ? at : at + 1),
    ])
    fc.pre(!after.equals(before))
    writeFileSync(path, after)
    const { ok, broken } = log.audit.verify()
    writeFileSync(path, before)
    return !ok && broken !== undefined && names.includes(broken.file)
  })
  fc.assert(found, {
    numRuns: 300,
    examples: names.flatMap((name) =>
      ['replace', 'insert', 'delete'].flatMap((kind) => [
        [{ name, where: 1, kind, byte: 10 }],
        [{ name, where: 0, kind, byte: 32 }],
      ]),
    ) as [{ name: string; where: number; kind: string; byte: number }][], // flatMap loses the tuple
  })
  expect(log.audit.verify().ok).toBe(true)
})

test('verify names the line and says why', async () => {
  using world = new StateWorld()
  const { audit } = world.open()
  for (let index = 0; index < 3; index++) await audit.append(record())
  const path = join(world.dir, 'audit.jsonl')
  const lines = readFileSync(path, 'utf8').split('\n')
  writeFileSync(path, [lines[0], lines[2], ''].join('\n'))
  expect(audit.verify().broken).toEqual({ file: 'audit.jsonl', line: 2, why: 'record 3 follows record 1' })
})

test('a torn end is set aside as evidence, told in a record, and what was whole stays', async () => {
  using world = new StateWorld()
  await world.open().audit.append(record(), { durable: true })
  world.close()
  const torn = Buffer.concat([Buffer.from('{"seq":2,"at":"2026'), Buffer.alloc(5000)])
  appendFileSync(join(world.dir, 'audit.jsonl'), torn)
  const { audit } = world.open()
  expect(audit.verify().broken).toEqual({ file: 'audit.jsonl', line: 2, why: 'the line has no end' })
  await audit.append(record({ call: 'after' }))
  expect(readFileSync(join(world.dir, 'audit-torn-2.bin'))).toEqual(torn)
  expect(audit.tail({ limit: 2 })).toMatchObject([
    {
      seq: 2,
      event: 'gateway',
      reason: `the last ${torn.length} bytes of audit.jsonl were torn; they are kept in audit-torn-2.bin`,
    },
    { seq: 3, call: 'after' },
  ])
  expect(audit.verify()).toMatchObject({ ok: true, records: 3 })
})

test('records cut off behind the back of a running process are missed', async () => {
  using world = new StateWorld()
  const { audit } = world.open()
  await audit.append(record())
  const { size } = statSync(join(world.dir, 'audit.jsonl'))
  await audit.append(record())
  truncateSync(join(world.dir, 'audit.jsonl'), size)
  await audit.append(record())
  expect(audit.tail({ limit: 2 })[0]).toMatchObject({
    reason: 'audit.jsonl lost records: it ends with 1, 2 was written',
  })
  expect(audit.verify().broken).toEqual({ file: 'audit.jsonl', line: 2, why: 'record 3 follows record 1' })
})

test('a log whose file was taken away goes on and does not verify', async () => {
  using world = new StateWorld()
  const { audit } = world.open()
  await audit.append(record())
  renameSync(join(world.dir, 'audit.jsonl'), join(world.dir, 'elsewhere'))
  await audit.append(record())
  expect(audit.verify()).toMatchObject({ ok: false, broken: { file: 'audit.jsonl', line: 1 } })
})

test('several processes append to one chain', async () => {
  using world = new StateWorld()
  const { audit } = world.open()
  const workers = [startWorker(world.dir, 'append', '60'), startWorker(world.dir, 'append', '60')]
  const ends = workers.map(ended)
  for (let index = 0; index < 60; index++) await audit.append(record())
  await Promise.all(ends)
  expect(audit.verify()).toEqual({ ok: true, records: 60 + 2 * 180, files: 1 })
}, 20_000)

test('kill -9 of a writing process at random moments leaves a log that verifies and holds what was durable', async () => {
  using world = new StateWorld()
  for (const chunks of [1, 3, 8, 20]) {
    const worker = startWorker(world.dir, 'append', '1000000')
    let seen = 0
    let output = ''
    worker.stdout.on('data', (chunk) => {
      output += String(chunk)
      if (++seen === chunks) worker.kill('SIGKILL')
    })
    await new Promise((resolve) => worker.on('close', resolve))
    const durable = Number([...output.matchAll(/durable (\d+)\n/g)].at(-1)?.[1] ?? -1)
    const { audit } = world.open()
    await audit.append(record({ call: 'after' }))
    expect(audit.verify().ok).toBe(true)
    const kept = audit
      .tail({ limit: 100_000 })
      .filter(({ call, durationMs }) => call === String(worker.pid) && durationMs === durable)
    expect(kept).toHaveLength(1 + (durable % 5))
    world.close()
  }
}, 30_000)

test('a log that cannot be written says state_unavailable and goes on when it can', async () => {
  using world = new StateWorld()
  const { audit } = world.open()
  mkdirSync(join(world.dir, 'audit.jsonl'))
  const failed = await Promise.allSettled([audit.append(record()), audit.append(record(), { durable: true })])
  for (const one of failed) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'state_unavailable' } })
  rmdirSync(join(world.dir, 'audit.jsonl'))
  await audit.append(record())
  expect(audit.verify()).toMatchObject({ ok: true, records: 1 })
})

test('a write that the disk takes only in part is taken back as a whole', async () => {
  using world = new StateWorld()
  const worker = join(import.meta.dirname, 'worker.ts')
  const limited = ['-c', 'ulimit -f 300; exec "$@"', 'sh', process.execPath, worker, world.dir, 'fill']
  const { stdout } = spawnSync('sh', limited, { encoding: 'utf8' })
  expect(stdout).toContain('state_unavailable true')
  const { audit } = world.open()
  await audit.append(record())
  expect(audit.verify().ok).toBe(true)
}, 20_000)

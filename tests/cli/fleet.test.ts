import { expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { World } from '../../src/cli/command.ts'
import fleet from '../../src/cli/fleet.ts'
import { CliWorld } from '../state/cli-world.ts'
import { keepClusters } from '../support/many-guests.ts'

/** A command line beside a gateway that has a name. */
function named(cli: CliWorld): World {
  const app = {
    tools: [],
    names: { name: 'lab', segment: 'production-a' },
    callTool: () => Promise.reject(new TypeError('nothing is called')),
    serveHttp: async () => undefined,
    close: async () => undefined,
  }
  return { ...cli.world, app: async () => app }
}

test('export prints everything that is known, signed, and --verify finds that it holds', async () => {
  using cli = new CliWorld()
  keepClusters(cli.state.fleet, new Date(cli.at), { clusters: 2, nodes: 1, guests: 3 })
  expect(await fleet.run(['export'], named(cli))).toBe(0)
  const { id } = cli.state.identity()
  expect(JSON.parse(cli.out)).toMatchObject({
    gateway: { id, name: 'lab', segment: 'production-a' },
    exported_at: new Date(cli.at).toISOString(),
    epoch: cli.state.fleet.epoch,
    sources: [{ source: 'site-0', complete: true }, { source: 'site-1' }],
  })
  expect(JSON.parse(cli.out).resources).toHaveLength(12)

  const file = join(cli.dir, 'fleet.json')
  expect(await fleet.run(['export', '--out', file], named(cli))).toBe(0)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  cli.out = ''
  expect(await fleet.run(['export', '--verify', file], cli.world)).toBe(0)
  expect(cli.out).toContain(`holds: signed by ${id} ("lab"), this gateway at`)
})

test('a changed export does not hold: exit 1', async () => {
  using cli = new CliWorld()
  keepClusters(cli.state.fleet, new Date(cli.at), { clusters: 1, nodes: 1, guests: 1 })
  const file = join(cli.dir, 'fleet.json')
  await fleet.run(['export', '--out', file], named(cli))
  writeFileSync(file, readFileSync(file, 'utf8').replace('service-0', 'service-x'))
  expect(await fleet.run(['export', '--verify', file], cli.world)).toBe(1)
  expect(cli.err).toContain('does not hold: it was changed after it was signed')
})

test('wrong usage is exit 2; a file that is not there or cannot be written is an error with a hint', async () => {
  using cli = new CliWorld()
  expect(await fleet.run([], cli.world)).toBe(2)
  expect(await fleet.run(['import'], cli.world)).toBe(2)
  expect(await fleet.run(['export', '--out', 'a', '--verify', 'b'], cli.world)).toBe(2)
  const missing = join(cli.dir, 'none', 'fleet.json')
  await expect(fleet.run(['export', '--verify', missing], cli.world)).rejects.toMatchObject({ code: 'invalid_input' })
  await expect(fleet.run(['export', '--out', missing], named(cli))).rejects.toMatchObject({ code: 'operation_failed' })
})

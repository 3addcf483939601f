import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { GatewayError } from '../core/errors.ts'
import { parseJson, plainJson } from '../lib/json.ts'
import { checkExport, signedExport } from '../state/fleet-export.ts'
import type { CliCommand, World } from './command.ts'

const usage = `tailops fleet export [--out FILE]
tailops fleet export --verify FILE

export prints the whole state of the fleet as JSON, signed with the key of this gateway (Ed25519, over the canonical JSON
of everything but signature and public_key). --out writes it to a file, 0600. --verify checks one: exit 1 if it does not hold.`

const fleet: CliCommand = {
  usage,
  async run([verb, ...args], world) {
    const text = { type: 'string' } as const
    const { values } = parseArgs({ args: [...args], options: { out: text, verify: text } })
    if (verb !== 'export')
      return misused(world, verb === undefined ? 'say what to do' : `no such action: ${JSON.stringify(verb)}`)
    if (values.verify === undefined) return await exportFleet(world, values.out)
    return values.out === undefined ? verifyFile(world, values.verify) : misused(world, '--out or --verify, not both')
  },
}

export default fleet

async function exportFleet(world: World, out: string | undefined): Promise<number> {
  const { name, segment } = await gatewayNames(world)
  const { fleet: store, identity } = world.stores()
  const signer = identity()
  const content = plainJson({
    gateway: { id: signer.id, name, segment },
    exported_at: world.now().toISOString(),
    tailops: world.version,
    epoch: store.epoch,
    newest_change: store.newest,
    sources: store.sources(),
    resources: store.resources(),
  })
  const text = `${JSON.stringify(signedExport({ ...Object(content) }, signer), undefined, 1)}\n`
  if (out === undefined) world.terminal.out(text)
  else writeWhole(out, text)
  return 0
}

async function gatewayNames(world: World): Promise<{ readonly name?: string; readonly segment?: string }> {
  const app = await world.app()
  try {
    return app.names
  } finally {
    await app.close()
  }
}

/** The old file or the new one, never half of it. @throws GatewayError operation_failed */
function writeWhole(path: string, text: string): void {
  const fresh = `${path}.new`
  try {
    rmSync(fresh, { force: true })
    writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' })
    renameSync(fresh, path)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw new GatewayError('operation_failed', `cannot write ${path}: ${messageOf(error)}`, {
      hint: 'name a file in a folder that this user may write to',
      cause: error,
    })
  }
}

function verifyFile(world: World, path: string): number {
  const verdict = checkExport(parseJson(contentOf(path)))
  if (!verdict.ok) {
    world.terminal.err(`${path} does not hold: ${verdict.why}\n`)
    return 1
  }
  const { id, name, at } = verdict
  const own = world.stores().identity().id === id ? ', this gateway' : ''
  world.terminal.out(
    `${path} holds: signed by ${id}${name === undefined ? '' : ` (${JSON.stringify(name)})`}${own} at ${at}\n`,
  )
  return 0
}

/** @throws GatewayError invalid_input */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new GatewayError('invalid_input', `cannot read ${path}: ${messageOf(error)}`, {
      hint: 'name a file that tailops fleet export --out has written',
    })
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function misused({ terminal }: World, what: string): number {
  terminal.err(`tailops fleet: ${what}\n\n${usage}\n`)
  return 2
}

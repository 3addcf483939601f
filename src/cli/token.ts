import { parseArgs } from 'node:util'
import { GatewayError } from '../core/errors.ts'
import type { CliCommand, TokenEntry, World } from './command.ts'

const usage = `tailops token mint --name NAME --scopes SCOPE,… [--ttl 90d] [--json]
tailops token list [--json]
tailops token revoke ID
tailops token verify [--json]

mint prints a new bearer token, once; only its hash is kept. --ttl takes days, hours or minutes (90d, 12h, 30m), at
most 366d. verify reads the token from stdin, never from the command line, where others could see it.`

const token: CliCommand = {
  usage,
  async run([verb, ...args], world) {
    switch (verb) {
      case 'mint':
        return await mint(args, world)
      case 'list':
        return list(args, world)
      case 'revoke':
        return await revoke(args, world)
      case 'verify':
        return await verify(args, world)
      default:
        return misused(world, verb === undefined ? 'say what to do' : `no such action: ${JSON.stringify(verb)}`)
    }
  },
}

export default token

const json = { type: 'boolean', default: false } as const

async function mint(args: readonly string[], world: World): Promise<number> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: { json, name: text, scopes: text, ttl: { ...text, default: '90d' } },
  })
  const { name, scopes } = values
  if (name === undefined || scopes === undefined) return misused(world, 'a token needs --name and --scopes')
  const words = scopes.split(/[\s,]+/).filter((word) => word !== '')
  const expiresAt = new Date(world.now().getTime() + milliseconds(values.ttl))
  const { tokens } = world.stores()
  const minted = tokens.mint({ name, scopes: words, expiresAt })
  await recordChange(world, `token ${minted.id} was minted with ${words.join(', ')} until ${expiresAt.toISOString()}`)
  const { out, err } = world.terminal
  if (values.json) out(`${JSON.stringify({ ...minted, name, scopes: words, expires_at: expiresAt })}\n`)
  else {
    out(`${minted.token}\n`)
    err(`Token ${minted.id} for ${name}, until ${expiresAt.toISOString()}. It is not shown again.\n`)
  }
  return 0
}

function list(args: readonly string[], world: World): number {
  const { values } = parseArgs({ args: [...args], options: { json } })
  const entries = world.stores().tokens.list()
  const { out } = world.terminal
  if (values.json) {
    out(`${JSON.stringify(entries.map((entry) => ({ ...entry, state: stateOf(entry, world.now()) })))}\n`)
    return 0
  }
  for (const entry of entries) {
    const until = entry.expiresAt.toISOString().slice(0, 16)
    out(`${entry.id}  ${stateOf(entry, world.now()).padEnd(7)}  ${until}  ${entry.name}  ${entry.scopes.join(',')}\n`)
  }
  if (entries.length === 0) out('no tokens; `tailops token mint` makes one\n')
  return 0
}

async function revoke(args: readonly string[], world: World): Promise<number> {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true })
  const [id, ...more] = positionals
  if (id === undefined || more.length > 0) return misused(world, 'revoke takes one token id')
  world.stores().tokens.revoke(id)
  await recordChange(world, `token ${id} was revoked`)
  world.terminal.out(`token ${id} is revoked\n`)
  return 0
}

async function verify(args: readonly string[], world: World): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: { json }, allowPositionals: true })
  if (positionals.length > 0) return misused(world, 'give the token on stdin: arguments can be seen by other users')
  const given = await world.terminal.ask('token: ')
  const found = world.stores().tokens.verify(given.trim())
  const { out } = world.terminal
  if (found === undefined) {
    out(values.json ? `${JSON.stringify({ valid: false })}\n` : 'not valid: unknown, expired or revoked\n')
    return 1
  }
  const { caller, expiresAt } = found
  const shown = { valid: true, caller: caller.id, scopes: caller.scopes, expires_at: expiresAt }
  const text = `${caller.id} until ${expiresAt.toISOString()}\n${caller.scopes.join(' ')}`
  out(`${values.json ? JSON.stringify(shown) : text}\n`)
  return 0
}

function stateOf({ expiresAt, revokedAt }: TokenEntry, now: Date): 'valid' | 'expired' | 'revoked' {
  if (revokedAt !== undefined) return 'revoked'
  return expiresAt > now ? 'valid' : 'expired'
}

const units: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 }

function milliseconds(ttl: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,6})([dhm])$/.exec(ttl) ?? []
  if (count !== undefined) return Number(count) * (units[unit] ?? 0)
  throw new GatewayError('invalid_input', `--ttl ${JSON.stringify(ttl)} is no duration`, {
    hint: 'as in 90d, 12h, 30m',
  })
}

async function recordChange(world: World, reason: string): Promise<void> {
  const at = world.now().toISOString()
  const record = { at, call: `token-${at}`, event: 'gateway', caller: world.user, reason } as const
  await world.stores().audit.append(record, { durable: true })
}

function misused({ terminal }: World, what: string): number {
  terminal.err(`tailops token: ${what}\n\n${usage}\n`)
  return 2
}

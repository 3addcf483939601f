import { parseArgs } from 'node:util'
import type { AuditRecord } from '../core/ports.ts'
import { auditExport } from '../state/audit-export.ts'
import { signHead } from '../state/audit-head.ts'
import { verifyAgainst } from './audit-offline.ts'
import type { CliCommand, World } from './command.ts'

const usage = `tailops audit verify [--anchor FILE] [--json]
tailops audit verify --offline FILE --key PUBLIC_KEY [--anchor FILE] [--json]
tailops audit tail [--limit 20] [--json]
tailops audit export [--limit N] [--signed] [--redact]
tailops audit head

verify checks every byte of the log and names the first line that does not hold (exit 1). With --anchor it also finds lines
that were cut off the end, and a log written anew. --offline checks an export anywhere, with the gateway's public key alone.
tail shows the newest records. export prints the lines as they stand, oldest first: all, or the last N. --signed adds a line
by which the gateway says that these are all. --redact leaves out arguments, reasons and the words of steps, and is signed.
head prints the number and hash of the last record, signed, and the public key.`

const flag = { type: 'boolean', default: false } as const
const text = { type: 'string' } as const
const options = { json: flag, limit: text, signed: flag, redact: flag, offline: text, key: text, anchor: text } as const

const audit: CliCommand = {
  usage,
  async run([verb, ...args], world) {
    const { values } = parseArgs({ args: [...args], options })
    const { json, signed, redact, offline, key, anchor } = values
    const limit = values.limit === undefined ? undefined : Number(values.limit)
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
      return misused(world, `--limit ${JSON.stringify(values.limit)} is no count`)
    }
    if ((offline === undefined) !== (key === undefined)) return misused(world, '--offline and --key go together')
    if (verb === 'verify' && (offline ?? anchor) !== undefined)
      return verifyAgainst(world, { file: offline, key, anchor, json })
    if (verb === 'verify') return verify(world, json)
    if (verb === 'tail') return tail(world, { limit: limit ?? 20, json })
    if (verb === 'export') return exportLines(world, { limit, signed: signed || redact, redact })
    if (verb === 'head') return head(world)
    return misused(world, verb === undefined ? 'say what to do' : `no such action: ${JSON.stringify(verb)}`)
  },
}

export default audit

function verify(world: World, json: boolean): number {
  const verdict = world.stores().audit.verify()
  const { records, files, broken } = verdict
  const { out, err } = world.terminal
  if (json) out(`${JSON.stringify(verdict)}\n`)
  else if (broken === undefined) out(`the audit log holds: ${records} records in ${files} files\n`)
  else
    err(`the audit log is broken at ${broken.file}:${broken.line}: ${broken.why}; ${records} records before it hold\n`)
  return verdict.ok ? 0 : 1
}

function tail(world: World, { limit, json }: { readonly limit: number; readonly json: boolean }): number {
  for (const record of world.stores().audit.tail({ limit })) {
    world.terminal.out(`${json ? JSON.stringify(record) : inWords(record)}\n`)
  }
  return 0
}

interface Exported {
  readonly limit: number | undefined
  readonly signed: boolean
  readonly redact: boolean
}

function exportLines(world: World, { limit, signed, redact }: Exported): number {
  const { audit: log, identity } = world.stores()
  const lines = limit === undefined ? log.lines() : lastLines(log.lines(), limit)
  const exported = signed ? auditExport(lines, { redact, signer: identity(), at: world.now() }) : lines
  for (const line of exported) world.terminal.out(`${line}\n`)
  return 0
}

function lastLines(lines: Iterable<string>, limit: number): readonly string[] {
  const last: string[] = []
  for (const line of lines) {
    last.push(line)
    if (last.length > limit) last.shift()
  }
  return last
}

function head(world: World): number {
  const { audit: log, identity } = world.stores()
  world.terminal.out(`${JSON.stringify(signHead(log.head(), identity(), { at: world.now() }))}\n`)
  return 0
}

/** `41 2026-01-02T03:04:05.000Z k7w2m9xq4t3b finished token:ab12 get_system_status on local: done, 31 ms` */
function inWords(record: AuditRecord & { readonly seq: number }): string {
  const { seq, at, call, event, caller, tool, step, result, reason, durationMs } = record
  const targets = step === undefined ? record.targets : [step.target]
  const stepText = step && `${step.phase} ${step.index}${step.end === undefined ? '' : ` ${step.end}`}`
  const took = durationMs === undefined ? undefined : `${Math.round(durationMs)} ms`
  const end = [stepText, result, reason, took].filter((part) => part !== undefined).join(', ')
  const what = [tool, targets && `on ${targets.join(', ')}`].filter((part) => part !== undefined).join(' ')
  const line = [seq, at, call, event, caller, what].filter((part) => part !== '').join(' ')
  return visible(end === '' ? line : `${line}: ${end}`)
}

/** What could move the cursor or hide text is shown as its code. */
const visible = (text: string): string =>
  text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

function misused({ terminal }: World, what: string): number {
  terminal.err(`tailops audit: ${what}\n\n${usage}\n`)
  return 2
}

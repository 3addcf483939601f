import { parseArgs } from 'node:util'
import type { AuditRecord } from '../core/ports.ts'
import type { CliCommand, World } from './command.ts'

const usage = `tailops audit verify [--json]
tailops audit tail [--limit 20] [--json]
tailops audit export [--limit N] [--json]

verify checks every byte of the log and names the first line that does not hold (exit 1). tail shows the newest
records. export prints the lines as they stand, oldest first: all, or the last N.`

const audit: CliCommand = {
  usage,
  async run([verb, ...args], world) {
    const text = { type: 'string' } as const
    const { values } = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean', default: false }, limit: text },
    })
    const limit = values.limit === undefined ? undefined : Number(values.limit)
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
      return misused(world, `--limit ${JSON.stringify(values.limit)} is no count`)
    }
    if (verb === 'verify') return verify(world, values.json)
    if (verb === 'tail') return tail(world, { limit: limit ?? 20, json: values.json })
    if (verb === 'export') return exportLines(world, limit)
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

function exportLines(world: World, limit: number | undefined): number {
  const last: string[] = []
  for (const line of world.stores().audit.lines()) {
    if (limit === undefined) world.terminal.out(`${line}\n`)
    else last.push(line)
    if (limit !== undefined && last.length > limit) last.shift()
  }
  for (const line of last) world.terminal.out(`${line}\n`)
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

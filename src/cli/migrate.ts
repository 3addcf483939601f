import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readEnvText } from '../config/env-text.ts'
import { parseTargets } from '../config/load.ts'
import { type Migrated, migrate } from '../config/migrate.ts'
import { type Row, reportText } from '../config/migrate-report.ts'
import { type Problem, severityLine } from '../config/problem.ts'
import { readTextFile } from '../config/read-text-file.ts'
import { GatewayError } from '../core/errors.ts'
import type { CliCommand, World } from './command.ts'
import { oldFiles } from './old-files.ts'

const usage = `tailops migrate FROM… [--out DIR] [--dry-run] [--json]

Makes targets.yaml and tailops.env of an older installation. FROM is its folder or a file of it, several are read
together: targets.yaml or .json, .env, policy files, inventory.json, proxmox-config.yaml, the .env of mcp-proxmox.
Nothing old is changed. Every value is reported: taken, changed or dropped, and why.
--out DIR   where the result is written (./tailops-migrated); it must not be there yet
--dry-run   the report alone`

const command: CliCommand = {
  usage,
  async run(argv, world) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        out: { type: 'string', default: 'tailops-migrated' },
        'dry-run': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    if (positionals.length === 0) {
      world.terminal.err(`tailops migrate: name the old installation\n\n${usage}\n`)
      return 2
    }
    const out = resolve(values.out)
    if (existsSync(out) && !values['dry-run'])
      throw new GatewayError('invalid_input', `${out} is there already`, { hint: 'name another folder with --out' })
    const { made, rows } = madeOf(positionals)
    const problems = checked(made, values['dry-run'] ? undefined : write(out, made, rows))
    const { json, 'dry-run': dryRun } = values
    tell(world, { made, rows, problems, out: dryRun ? undefined : out, json })
    return problems.some(({ severity }) => severity === 'error') ? 1 : 0
  },
}

export default command

function madeOf(from: readonly string[]): { readonly made: Migrated; readonly rows: readonly Row[] } {
  const found = from.map(oldFiles)
  const files = found.flatMap((one) => one.files)
  const passed = found.flatMap((one) => one.passed)
  if (files.length === 0)
    throw new GatewayError('invalid_input', `nothing of an older installation is in ${from.join(', ')}`, {
      hint: passed.map(({ file, why }) => `${file}: ${why}`).join('; ') || 'name the file itself',
    })
  const environments = files.filter(({ kind }) => kind === 'environment')
  const documents = files.filter(({ kind }) => kind === 'document')
  const made = migrate({ environments, documents })
  const passedRows = passed.map(({ file, why }): Row => ({ file, from: 'all of it', outcome: 'dropped', why }))
  return { made, rows: [...made.rows, ...passedRows] }
}

/** Nobody else may read what is written: it holds secrets. */
function write(out: string, made: Migrated, rows: readonly Row[]): string {
  try {
    mkdirSync(dirname(out), { recursive: true })
    mkdirSync(out, { mode: 0o700 })
    const put = (name: string, text: string) => writeFileSync(join(out, name), text, { mode: 0o600, flag: 'wx' })
    if (made.keys.size > 0) mkdirSync(join(out, 'keys'), { mode: 0o700 })
    for (const [path, key] of made.keys) put(path, key.reveal())
    put('tailops.env', made.environment.reveal())
    put('targets.yaml', made.targets)
    put('report.txt', reportText(rows))
    return out
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new GatewayError('operation_failed', `${out} cannot be written: ${why}`, {
      hint: 'name another folder with --out; remove what is there of this one',
      cause: error,
    })
  }
}

/** As validate-config would see it, with the environment file in force. */
function checked(made: Migrated, out: string | undefined): readonly Problem[] {
  const lines = readEnvText(made.environment.reveal())
  const env = Object.fromEntries(lines.flatMap((line) => ('name' in line ? [[line.name, line.value]] : [])))
  const file = join(out ?? '.', 'targets.yaml')
  return parseTargets({ file, text: made.targets, env, readFile: readTextFile }).problems
}

interface Told {
  readonly made: Migrated
  readonly rows: readonly Row[]
  readonly problems: readonly Problem[]
  readonly out: string | undefined
  readonly json: boolean
}

function tell({ terminal }: World, { made, rows, problems, out, json }: Told): void {
  if (json) {
    terminal.out(`${JSON.stringify({ out, targets: made.targetIds, rows, problems })}\n`)
    return
  }
  const many = (outcome: Row['outcome']) => rows.filter((row) => row.outcome === outcome).length
  const counts = `${many('taken')} taken, ${many('changed')} changed, ${many('dropped')} dropped`
  terminal.out(visible(reportText(rows)))
  for (const problem of problems) terminal.out(`${visible(severityLine(problem))}\n`)
  terminal.out(`${made.targetIds.length} target${made.targetIds.length === 1 ? '' : 's'}: ${counts}\n`)
  terminal.out(out === undefined ? 'nothing was written\n' : nextSteps(out, made.keys.size > 0))
}

/** What to do with what was written, as commands to copy. */
function nextSteps(out: string, hasKeys: boolean): string {
  const from = quoted(out)
  const indent = ' '.repeat(11)
  const keys = `cp -r ${from}/keys /etc/tailops/; chown -R tailops: /etc/tailops/keys`
  return [
    `written to ${out}: targets.yaml, tailops.env (secrets)${hasKeys ? ', keys/' : ''}, report.txt`,
    `check it:  set -a; . ${from}/tailops.env; set +a; tailops validate-config ${from}/targets.yaml`,
    `use it:    install -m 0640 -g tailops ${from}/targets.yaml /etc/tailops/`,
    `${indent}install -m 0600 ${from}/tailops.env /etc/tailops/`,
    ...(hasKeys ? [`${indent}${keys}`] : []),
    `${indent}systemctl restart tailops; tailops doctor`,
    'What is in /etc/tailops is replaced. Old tokens are not accepted: tailops token mint makes new ones.\n',
  ].join('\n')
}

/** As a shell reads it. */
const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)

/** What could move the cursor or hide text is shown as its code; lines stay lines. */
const visible = (text: string): string =>
  text.replaceAll(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

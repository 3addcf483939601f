import { expect, test } from 'bun:test'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import migrate from '../../src/cli/migrate.ts'
import validateConfig from '../../src/cli/validate-config.ts'
import { readEnvText } from '../../src/config/env-text.ts'
import { CliWorld } from '../state/cli-world.ts'

const sample = join(import.meta.dir, '../config/samples/old.yaml')

/** An old installation in a folder of its own. */
function installed(cli: CliWorld) {
  const old = join(cli.dir, 'old')
  mkdirSync(join(old, 'config', 'deep'), { recursive: true })
  mkdirSync(join(old, 'node_modules'))
  cpSync(sample, join(old, 'targets.yaml'))
  writeFileSync(
    join(old, '.env'),
    'SYSTEMMANAGER_AUTH_MODE=token\nSSH_KEY_WEB_1=/root/.ssh/web\nPROXMOX_HOST=pve1\nPROXMOX_TOKEN_NAME=mcp\nPROXMOX_TOKEN_VALUE=topmost-secret\n',
  )
  writeFileSync(join(old, '.env.example'), 'FOO=bar\n')
  writeFileSync(join(old, 'config', 'policy.yaml'), 'default_validation_mode: strict\nrules: [{name: a}]\n')
  writeFileSync(join(old, 'config', 'deep', 'inventory.json'), '{"hosts":{"db":{"hostname":"db.lan"}}}')
  writeFileSync(join(old, 'node_modules', 'targets.yaml'), 'targets: {never: {executor: local}}')
  symlinkSync('/nowhere', join(old, 'lost.yaml'))
  symlinkSync('loop.yaml', join(old, 'loop.yaml'))
  return { old, out: join(cli.dir, 'new') }
}

/** What is in an old installation, and when it was written. */
const everything = (folder: string) => [
  readdirSync(folder),
  ...['targets.yaml', '.env', '.env.example', 'config/policy.yaml', 'config/deep/inventory.json'].map((name) => {
    const path = join(folder, name)
    return [name, readFileSync(path, 'utf8'), statSync(path).mtimeMs]
  }),
]

test('a folder becomes targets.yaml, an environment file and a report, which pass validate-config; the old one stays', async () => {
  using cli = new CliWorld()
  const { old, out } = installed(cli)
  const before = everything(old)
  expect(await migrate.run([old, '--out', out], cli.world)).toBe(0)
  expect(everything(old)).toEqual(before)
  expect(readdirSync(out).toSorted()).toEqual(['report.txt', 'tailops.env', 'targets.yaml'])
  for (const name of readdirSync(out)) expect(statSync(join(out, name)).mode & 0o777).toBe(0o600)
  expect(statSync(out).mode & 0o777).toBe(0o700)
  expect(cli.out).toContain('.env.example: all of it — an example')
  expect(cli.out).toContain('config/policy.yaml: rules[0]')
  for (const name of ['lost', 'loop']) expect(cli.out).toContain(`dropped  ${name}.yaml: all of it`)
  expect(cli.out).toContain(`written to ${out}`)
  expect(cli.out).toContain(`install -m 0600 ${out}/tailops.env /etc/tailops/\n`)

  const lines = readEnvText(readFileSync(join(out, 'tailops.env'), 'utf8'))
  const env = Object.fromEntries(lines.flatMap((line) => ('name' in line ? [[line.name, line.value]] : [])))
  expect(Object.values(env)).toContain('topmost-secret')
  cli.out = ''
  expect(await validateConfig.run([join(out, 'targets.yaml')], { ...cli.world, env })).toBe(0)
  expect(cli.out).toContain('ok: ')
  const yaml = readFileSync(join(out, 'targets.yaml'), 'utf8')
  for (const id of ['local:', 'web-1:', 'dock-1:', 'proxmox:', 'db:']) expect(yaml).toContain(id)
  expect(yaml).not.toContain('never')
  for (const text of [cli.out, cli.err, yaml, readFileSync(join(out, 'report.txt'), 'utf8')])
    expect(text).not.toContain('topmost-secret')
})

test('what is there already is not overwritten; --dry-run writes nothing; --json has every row', async () => {
  using cli = new CliWorld()
  const { old, out } = installed(cli)
  mkdirSync(out)
  await expect(migrate.run([old, '--out', out], cli.world)).rejects.toMatchObject({ code: 'invalid_input' })
  expect(await migrate.run([old, '--out', join(cli.dir, 'other'), '--dry-run', '--json'], cli.world)).toBe(0)
  expect(readdirSync(cli.dir)).not.toContain('other')
  const { targets, rows, problems } = JSON.parse(cli.out)
  expect(targets).toEqual(['local', 'web-1', 'dock-1', 'db', 'proxmox'])
  expect(rows.map(({ outcome }: { outcome: string }) => outcome)).toContain('taken')
  expect(problems.filter(({ severity }: { severity: string }) => severity === 'error')).toEqual([])
})

test('single files, several at once, and an example that is named', async () => {
  using cli = new CliWorld()
  const { old } = installed(cli)
  expect(await migrate.run([sample, join(old, '.env'), '--dry-run'], cli.world)).toBe(0)
  expect(cli.out).toContain('4 targets: ')
  cli.out = ''
  writeFileSync(join(old, '.env.example'), 'PROXMOX_API_URL=https://pve:8006\n')
  expect(await migrate.run([join(old, '.env.example'), '--dry-run'], cli.world)).toBe(0)
  expect(cli.out).toContain('1 target: ')
})

test('wrong usage is exit 2; nothing to be found is an error that says so', async () => {
  using cli = new CliWorld()
  expect(await migrate.run([], cli.world)).toBe(2)
  const empty = join(cli.dir, 'empty')
  mkdirSync(empty)
  for (const from of [empty, join(cli.dir, 'none')])
    await expect(migrate.run([from, '--dry-run'], cli.world)).rejects.toMatchObject({ code: 'invalid_input' })
})

test('what an old file says cannot move the cursor of a terminal', async () => {
  using cli = new CliWorld()
  const file = join(cli.dir, 'targets.yaml')
  writeFileSync(file, 'targets: {"a\\u001b[2J": {executor: "l\\u001b[2J"}}\n')
  await migrate.run([file, '--dry-run'], cli.world)
  expect(cli.out).not.toContain('\u001b')
})

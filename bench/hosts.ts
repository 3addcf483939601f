import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { scripts } from '../src/scripts/index.ts'
import { type SshFarm, startSshFarm } from '../tests/support/ssh-farm.ts'
import { shown, table } from './figures.ts'
import { makePlace, type Place, type Running, startHttp, textOf } from './servers.ts'
import { comparison, comparisonHead, inTurns, run, timed } from './timing.ts'
import { warmCommand } from './warm-command.ts'

const fileCount = 20

/** Many real sshd of this machine, and what the measurements share. */
export interface HostsBed {
  readonly farm: SshFarm
  readonly place: Place
  /** For control sockets and the like. */
  readonly dir: string
  /** Options of an ssh that opens a connection each time, and of one that goes through an open one. */
  readonly fresh: readonly string[]
  readonly through: readonly string[]
}

/** Real sshd of this machine: one warm command, status of all, tokens of what agrees, memory. */
export async function manyHosts(count: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-bench-ssh-'))
  const [usual, unusual] = [join(dir, 'release'), join(dir, 'other-release')]
  writeFileSync(usual, 'NAME=shop\nVERSION=4.7.1\nCHANNEL=stable\n')
  writeFileSync(unusual, 'NAME=shop\nVERSION=4.10.0\nCHANNEL=stable\n')
  const isBehind = (at: number) => at === 4 || at === 12
  const farm = await startSshFarm(
    Array.from({ length: count }, () => 'healthy' as const),
    (at) => (isBehind(at) ? { file: unusual, inPlaceOf: usual } : undefined),
  )
  const place = makePlace()
  const fresh = [
    ...'-F none -q -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'.split(' '),
  ]
  fresh.push('-i', farm.keyPath, '-p', String(farm.port), '-l', 'root')
  const through = [...fresh, ...`-o ControlMaster=auto -o ControlPersist=300 -o ControlPath=${dir}/%C`.split(' ')]
  const bed = { farm, place, dir, fresh, through }
  try {
    writeFileSync(place.env['TAILOPS_CONFIG'] ?? '', targetsOf(farm, dir))
    const parts = [await warmCommand(bed), await statusOfAll(bed), await agreeing(bed, usual)]
    return parts.join('\n\n')
  } finally {
    for (const { address } of farm.hosts) await run('ssh', [...through, '-O', 'exit', address]).catch(() => undefined)
    place.remove()
    await farm.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

const targetsOf = (farm: SshFarm, dir: string): string =>
  [
    'version: "1.0"',
    'targets:',
    ...farm.hosts.map(
      ({ name, address, hostKey }, at) =>
        `  ${name}: { executor: ssh, connection: { host: ${address}, port: ${farm.port}, username: root, key_path: ${farm.keyPath}, host_key: "${hostKey}" }, capabilities: [system:read, file:read, command:run], constraints: { file_roots: [${dir}], commands: [{ program: uname, args: ["-s"] }] }, metadata: { tags: [farm${at < fileCount ? ', few' : ''}] } }`,
    ),
    '',
  ].join('\n')

/** Times of all hosts at once, ours and by xargs: nothing open before, and all open. */
async function statusOfAll(bed: HostsBed): Promise<string> {
  const { farm, dir, fresh, through, place } = bed
  const script = join(dir, 'status.sh')
  writeFileSync(script, scripts['read/system-status'] ?? 'exit 1')
  const all = farm.hosts.map(({ address }) => address)
  const status = ['sh', '-s', '0.25', `<${script}`]
  const cold = await inTurns(3, {
    ours: () => withTailops(place, (tailops) => timed(() => statusOf(tailops))),
    ssh: () => timed(() => xargs(all, fresh, status)),
  })
  return withTailops(place, async (tailops) => {
    await statusOf(tailops)
    const memory = tailops.residentMib()
    await xargs(all, through, ['true'])
    const warm = await inTurns(5, {
      ours: () => timed(() => statusOf(tailops)),
      ssh: () => timed(() => xargs(all, through, status)),
    })
    const instant = await inTurns(5, {
      ours: () => timed(() => nameOfAll(tailops)),
      ssh: () => timed(() => xargs(all, through, ['uname', '-s'])),
    })
    return [
      `${all.length} hosts at once, tailops over HTTP with one call against \`xargs -P 32 ssh\` that runs the same. Cold: no connection is open before. Warm: all are, for \`ssh\` by ControlMaster. The script of \`get_system_status\` itself samples for 250 ms; \`uname\` does not.`,
      table(comparisonHead('xargs ssh'), [
        comparison('status, cold', cold.ours, cold.ssh),
        comparison('status, warm', warm.ours, warm.ssh),
        comparison('`uname`, warm', instant.ours, instant.ssh),
      ]),
      `Resident memory of tailops with ${all.length} open connections: ${shown(memory)} MiB after the first answer, ${shown(tailops.residentMib())} MiB after eleven.`,
    ].join('\n\n')
  })
}

/** @throws when any target failed: a failure is no fast answer */
async function statusOf(tailops: Running): Promise<void> {
  const text = await textOf(tailops, 'get_system_status', { targets: ['tag:farm'] })
  if (/\d+ failed/.test(text)) throw new Error(`get_system_status: ${text.slice(0, 500)}`)
}

async function nameOfAll(tailops: Running): Promise<void> {
  const text = await textOf(tailops, 'run_command', { targets: ['tag:farm'], argv: ['uname', '-s'] })
  if (!text.includes('"status":"done"')) throw new Error(`run_command: ${text.slice(0, 500)}`)
}

/** 32 at a time. */
const xargs = (hosts: readonly string[], options: readonly string[], command: readonly string[]): Promise<void> =>
  run('sh', [
    '-c',
    `printf '%s\\n' ${hosts.join(' ')} | xargs -P 32 -I{} sh -c 'ssh ${options.join(' ')} {} ${command.join(' ')} >/dev/null'`,
  ])

/** A tailops of its own, ended afterwards. */
export async function withTailops<T>(place: Place, work: (tailops: Running) => Promise<T>): Promise<T> {
  const tailops = await startHttp('tailops', place, 'admin')
  try {
    return await work(tailops)
  } finally {
    await tailops.stop()
  }
}

/** Twenty hosts of which eighteen say the same. */
async function agreeing({ place }: HostsBed, path: string): Promise<string> {
  const [folded, single] = await withTailops(place, async (tailops) => [
    await textOf(tailops, 'file_operations', { targets: ['tag:few'], action: 'info', path }),
    await textOf(tailops, 'file_operations', { targets: ['host-001'], action: 'info', path }),
  ])
  const [all = 0, one = 0] = [folded, single].map((text) => countTokens(text ?? ''))
  return [
    `${fileCount} hosts of which 18 agree: \`file_operations\` reads a file of three lines, two hosts have another version of it (o200k tokens; twenty answers are twenty times one).`,
    table(
      ['ratio', 'one answer for all', `${fileCount} answers`, 'one host'],
      [[(all / (one * fileCount)).toFixed(2), all, one * fileCount, one]],
    ),
  ].join('\n\n')
}

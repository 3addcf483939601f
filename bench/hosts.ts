import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scripts } from '../src/scripts/index.ts'
import { type SshFarm, startSshFarm } from '../tests/support/ssh-farm.ts'
import { quantile, shown, table } from './figures.ts'
import { ask, makePlace, type Place, type Running, startHttp } from './servers.ts'

const rounds = 5

/** Many real sshd of this machine: status of all, one warm command, tokens of what agrees, memory. */
export async function manyHosts(count: number): Promise<string> {
  const farm = await startSshFarm(Array.from({ length: count }, () => 'healthy' as const))
  const place = makePlace()
  const dir = mkdtempSync(join(tmpdir(), 'tailops-bench-ssh-'))
  try {
    writeFileSync(place.env['TAILOPS_CONFIG'] ?? '', targetsOf(farm))
    const tailops = await startHttp('tailops', place)
    try {
      return await measured(farm, tailops, { dir, place })
    } finally {
      await tailops.stop()
    }
  } finally {
    place.remove()
    rmSync(dir, { recursive: true, force: true })
    await farm.stop()
  }
}

const targetsOf = (farm: SshFarm): string =>
  [
    'version: "1.0"',
    'targets:',
    ...farm.hosts.map(
      ({ name, address, hostKey }) =>
        `  ${name}: { executor: ssh, connection: { host: ${address}, port: ${farm.port}, username: root, key_path: ${farm.keyPath}, host_key: "${hostKey}" }, capabilities: [system:read], metadata: { tags: [farm] } }`,
    ),
    '',
  ].join('\n')

async function measured(farm: SshFarm, tailops: Running, at: { readonly dir: string; readonly place: Place }) {
  const [first] = farm.hosts
  if (first === undefined) throw new Error('a farm without hosts')
  const script = join(at.dir, 'status.sh')
  writeFileSync(script, scripts['read/system-status'] ?? 'exit 1')
  const options = `-F none -q -i ${farm.keyPath} -p ${farm.port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null`
  const master = `${options} -o ControlMaster=auto -o ControlPersist=60 -o ControlPath=${at.dir}/%C`
  const many = (how: string) =>
    timed(() =>
      shell(
        `printf '%s\\n' ${farm.hosts.map(({ address }) => address).join(' ')} | xargs -P 32 -I{} sh -c 'ssh ${how} root@{} sh -s 0.25 <${script} >/dev/null'`,
      ),
    )
  const all = () => timed(() => answered(tailops, 'tag:farm'))
  const [coldSsh, coldOurs] = [await many(options), await all()]
  const memory = tailops.residentMib()
  await many(master)
  const [warmSsh, warmOurs] = await inTurns(3, () => many(master), all)
  const [oneSsh, oneOurs] = await inTurns(
    rounds,
    () => timed(() => shell(`ssh ${master} root@${first.address} sh -s 0.25 <${script} >/dev/null`)),
    () => timed(() => answered(tailops, first.name)),
  )
  for (const { address } of farm.hosts) await shell(`ssh ${master} -O exit root@${address} 2>/dev/null || true`)
  const row = (what: string, ours: number, ssh: number) => [what, shown(ours), shown(ssh), (ours / ssh).toFixed(2)]
  return [
    'Against OpenSSH that runs the same script of `get_system_status`, which itself samples for 250 ms.',
    table(
      ['What', 'tailops ms', 'ssh ms', 'ratio'],
      [
        row('one warm target, ControlMaster', oneOurs, oneSsh),
        row(`${farm.hosts.length} hosts cold, xargs -P 32, one round`, coldOurs, coldSsh),
        row(`${farm.hosts.length} hosts warm, xargs -P 32 with ControlMaster`, warmOurs, warmSsh),
      ],
    ),
    `Memory with ${farm.hosts.length} open connections: ${shown(memory)} MiB.`,
  ].join('\n\n')
}

/** Medians of both, measured in turns. */
async function inTurns(times: number, one: () => Promise<number>, other: () => Promise<number>) {
  const [left, right]: [number[], number[]] = [[], []]
  for (let round = 0; round < times; round++) {
    left.push(await one())
    right.push(await other())
  }
  return [quantile(left, 0.5), quantile(right, 0.5)] as const
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** @throws when any target failed: a failure is no fast answer */
async function answered(tailops: Running, target: string, tool = 'get_system_status'): Promise<string> {
  const { content = [], isError } = await ask(tailops, 'tools/call', { name: tool, arguments: { targets: [target] } })
  const text = content[0]?.text ?? ''
  if (isError === true || /, \d+ failed/.test(text))
    throw new Error(`${tool} of ${target} failed: ${text.slice(0, 500)}`)
  return text
}

const shell = (command: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'ignore'] })
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code}: ${command.slice(0, 200)}`))))
  })

import { readFileSync } from 'node:fs'
import { Client } from 'ssh2'
import { command } from '../src/core/operation.ts'
import { openSsh } from '../src/executors/ssh.ts'
import { openSshLinks } from '../src/executors/ssh-links.ts'
import { systemClock } from '../src/lib/clock.ts'
import { scripts } from '../src/scripts/index.ts'
import { table } from './figures.ts'
import { type HostsBed, withTailops } from './hosts.ts'
import { textOf } from './servers.ts'
import { comparison, comparisonHead, inTurns, run, timed } from './timing.ts'

const rounds = 150
const warmUp = 20

/** One command on a host to which all sides have an open connection. */
export async function warmCommand({ farm, place, through }: HostsBed): Promise<string> {
  const [host] = farm.hosts
  if (host === undefined) throw new TypeError('a farm without hosts')
  const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
  const executor = openSsh({
    id: host.name,
    connection: {
      kind: 'ssh',
      host: host.address,
      port: farm.port,
      username: 'root',
      keyPath: farm.keyPath,
      hostKey: host.hostKey,
      acceptNew: false,
    },
    links,
    scripts,
    clock: systemClock,
  })
  const limits = { signal: new AbortController().signal, timeoutMs: 20_000, maxOutputBytes: 65_536 }
  const performed = async () => {
    const { ok } = await executor.perform(command(['uname', '-s']), limits)
    if (!ok) throw new Error('uname failed')
  }
  const bare = await bareChannels(host.address, farm)
  try {
    return await withTailops(place, async (tailops) => {
      const called = async () => {
        const text = await textOf(tailops, 'run_command', { targets: [host.name], argv: ['uname', '-s'] })
        if (!text.includes('"status":"done"')) throw new Error(`run_command: ${text.slice(0, 500)}`)
      }
      const ways = {
        executor: () => timed(performed),
        binary: () => timed(called),
        bare: () => timed(bare.run),
        ssh: () => timed(() => run('ssh', [...through, host.address, 'uname', '-s'])),
      }
      await inTurns(warmUp, ways)
      const { executor: ours, binary, bare: channel, ssh } = await inTurns(rounds, ways)
      return [
        `One command (\`uname -s\`) on one host with an open connection, against \`ssh\` with ControlMaster to the same sshd, started for each command (${rounds} rounds in turns). A call is authorised, decided and audited; \`ssh\` is not. A bare channel is what sshd and the login shell take by themselves: no limits, no process group to end, no certainty what ended.`,
        table(comparisonHead('ssh'), [
          comparison('ssh executor, in process', ours, ssh),
          comparison('`run_command`, binary over HTTP', binary, ssh),
          comparison('a bare channel of the same library', channel, ssh),
        ]),
      ].join('\n\n')
    })
  } finally {
    bare.end()
    await executor.close()
  }
}

/** Channels of one connection of ssh2, with nothing of ours around them. */
async function bareChannels(host: string, { port, keyPath }: HostsBed['farm']) {
  const client = new Client()
  await new Promise((resolve, reject) => {
    client.once('ready', () => resolve(undefined)).once('error', reject)
    client.connect({ host, port, username: 'root', privateKey: readFileSync(keyPath) })
  })
  const performed = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.exec('uname -s', (error, channel) => {
        if (error !== undefined) return reject(error)
        channel.once('close', () => resolve())
        channel.resume()
        channel.stderr.resume()
        channel.end()
      })
    })
  return { run: performed, end: () => client.end() }
}

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './sshd.ts'

/** What a host is made to be; all but `healthy` fail in their own way. */
export type Nature = 'healthy' | 'dead' | 'hanging' | 'slow' | 'garbage' | 'noisy' | 'flooding' | 'mute' | 'wrong key'

export interface FarmHost {
  readonly name: string
  readonly address: string
  readonly nature: Nature
  /** The host key that a client shall expect. */
  readonly hostKey: string
}

/** Many OpenSSH servers, a process and an address of loopback each, with one port and one user key. */
export interface SshFarm {
  readonly port: number
  readonly keyPath: string
  readonly hosts: readonly FarmHost[]
  /** Hosts on which a session has begun, by their own logs. */
  begun(): ReadonlySet<string>
  /** Resolves when a client first gives up a hanging host. */
  readonly firstGivenUp: Promise<void>
  stop(): Promise<void>
}

/** What sshd runs in place of the command that was asked for. */
const commands: Partial<Record<Nature, string>> = {
  slow: 'exec sleep 600',
  garbage: 'head -c 4096 /dev/urandom',
  noisy: 'echo "Welcome to the machine! 3 updates wait."; eval "$SSH_ORIGINAL_COMMAND"',
  flooding: 'yes lying | head -c 1000000000',
  mute: 'exit 0',
}

/** A file that stands in place of another one on a host, and there alone. */
export interface Replacement {
  readonly file: string
  readonly inPlaceOf: string
}

/**
 * Starts a host for each nature, on 127.0.1.2 and the addresses after it.
 * @param replaced what is different on the host of this number; needs root
 */
export async function startSshFarm(
  natures: readonly Nature[],
  replaced: (at: number) => Replacement | undefined = () => undefined,
): Promise<SshFarm> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-farm-'))
  const [port, keyPath] = [await freePort(), join(dir, 'user_key')]
  makeKey(keyPath)
  makeKey(join(dir, 'other_key'))
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const children: ChildProcess[] = []
  const servers: Server[] = []
  const { promise: firstGivenUp, resolve: givenUp } = Promise.withResolvers<void>()
  const hosts = natures.map((nature, at): FarmHost => {
    const name = `host-${String(at + 1).padStart(3, '0')}`
    const address = `127.0.${1 + Math.floor((at + 2) / 250)}.${(at + 2) % 250}`
    if (nature === 'hanging')
      servers.push(
        createServer(
          (socket) => void socket.on('error', () => undefined).once('data', () => socket.once('close', givenUp)),
        ).listen(port, address),
      )
    if (nature === 'dead' || nature === 'hanging')
      return { name, address, nature, hostKey: publicKey(join(dir, 'other_key')) }
    const place = join(dir, name)
    mkdirSync(place)
    makeKey(join(place, 'host_key'))
    writeFileSync(join(place, 'config'), configOf({ dir, place, address, port, nature }))
    const [program, ...args] = [...viewOf(replaced(at)), '/usr/sbin/sshd', '-D', '-f', join(place, 'config')]
    children.push(spawn(program, [...args, '-E', join(place, 'log')], { stdio: 'ignore' }))
    const hostKey = publicKey(
      join(nature === 'wrong key' ? dir : place, nature === 'wrong key' ? 'other_key' : 'host_key'),
    )
    return { name, address, nature, hostKey }
  })
  for (const { address, nature } of hosts) if (nature !== 'dead') await listening(address, port)
  return {
    port,
    keyPath,
    hosts,
    begun: () =>
      new Set(
        hosts
          .filter(({ nature }) => nature !== 'dead' && nature !== 'hanging')
          .filter(({ name }) => readFileSync(join(dir, name, 'log'), 'utf8').includes('Starting session'))
          .map(({ name }) => name),
      ),
    firstGivenUp,
    async stop() {
      for (const server of servers) server.close()
      await Promise.all(children.map(ended))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

interface Place {
  readonly dir: string
  readonly place: string
  readonly address: string
  readonly port: number
  readonly nature: Nature
}

/** What starts a program that sees one file in place of another; the program keeps the process id. */
const viewOf = (replacement: Replacement | undefined): readonly string[] =>
  replacement === undefined
    ? []
    : [
        ...['unshare', '--mount', 'sh', '-c', 'mount --bind "$1" "$2"; shift 2; exec "$@"', 'sh'],
        ...[replacement.file, replacement.inPlaceOf],
      ]

const configOf = ({ dir, place, address, port, nature }: Place): string =>
  [
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${join(place, 'host_key')}`,
    `PidFile ${join(place, 'pid')}`,
    `AuthorizedKeysFile ${join(dir, 'user_key.pub')}`,
    `SetEnv HOME=${place}`,
    'PermitRootLogin yes',
    'StrictModes no',
    'UsePAM no',
    'UseDNS no',
    'PrintMotd no',
    'LogLevel VERBOSE',
    ...(commands[nature] === undefined ? [] : [`ForceCommand ${commands[nature]}`]),
    '',
  ].join('\n')

const makeKey = (path: string): void => {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path])
}

const publicKey = (path: string): string => readFileSync(`${path}.pub`, 'utf8').trim().split(' ').slice(0, 2).join(' ')

async function listening(address: string, port: number): Promise<void> {
  const until = performance.now() + 20_000
  while (!(await accepts(address, port))) if (performance.now() > until) throw new Error(`${address} does not listen`)
}

const accepts = (address: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, address)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

/** Ends a listener and the connections below it. */
async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once('exit', resolve))
  for (const pid of below(child.pid)) end(pid)
  if (child.exitCode === null && child.kill()) await exit
}

function below(pid: number | undefined): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text
      .split(' ')
      .filter(Boolean)
      .map(Number)
      .flatMap((child) => [...below(child), child])
  } catch {
    // It has ended already.
    return []
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

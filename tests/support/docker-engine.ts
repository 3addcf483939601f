import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DockerConnection } from '../../src/core/connection.ts'
import type { Context } from '../../src/core/context.ts'
import type { Executor } from '../../src/core/executor.ts'
import { defaultConstraints } from '../../src/core/target.ts'
import { openDocker } from '../../src/executors/docker.ts'
import { systemClock } from '../../src/lib/clock.ts'

/** Whether engines can be started here: root, with dockerd. */
export const canStartEngines =
  process.getuid?.() === 0 && ['dockerd', 'docker', 'unshare', 'busybox', 'curl'].every(isInstalled)

function isInstalled(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' }).status === 0
}

/** A real Docker engine with a folder, a socket and a network namespace of its own, and the image tiny:1 (BusyBox). */
export interface DockerEngine {
  readonly connection: DockerConnection
  /** Over mutual TLS; only of an engine started so. */
  readonly secure: DockerConnection | undefined
  readonly dir: string
  readonly executor: Executor
  /** The command line client, for what the product does not do. */
  docker(...args: readonly string[]): string
  /** `docker run --detach` of tiny:1; the options end where the command begins. */
  run(name: string, options: readonly string[], command: readonly string[]): void
  /** Client certificates of another CA, in this folder; `trusting` the engine's own CA. */
  certify(folder: string, more?: { readonly trusting?: boolean }): void
  stop(): Promise<void>
}

export async function startEngine({ tlsPort }: { readonly tlsPort?: number } = {}): Promise<DockerEngine> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'tailops-docker-')))
  const socketPath = join(dir, 'docker.sock')
  const secure = tlsPort === undefined ? undefined : secureConnection(dir, tlsPort)
  const engine = launch(dir, secure)
  const docker = (...args: readonly string[]) =>
    execFileSync('docker', ['-H', `unix://${socketPath}`, ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], DOCKER_CONFIG: dir },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  await answers(engine, socketPath, dir)
  importTinyImage(dir, socketPath)
  const connection = { kind: 'docker', socketPath, tlsVerify: false } as const
  return {
    connection,
    secure,
    dir,
    executor: openDocker('box', connection, systemClock),
    docker,
    run: (name, options, command) => {
      docker('run', '--detach', '--name', name, ...options, 'tiny:1', ...command)
    },
    certify(folder, { trusting = false } = {}) {
      makeCertificates(mkdtempSync(join(dir, 'ca-')), folder)
      if (trusting) copyFileSync(join(dir, 'ca.pem'), join(folder, 'ca.pem'))
    },
    async stop() {
      const ids = docker('ps', '--all', '--quiet')
        .split('\n')
        .filter((id) => id !== '')
      if (ids.length > 0) docker('rm', '--force', ...ids)
      await ended(engine)
      for (const mount of mountsIn(dir)) execFileSync('umount', [mount])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Without TLS in a network namespace of its own, where bridges and addresses disturb nobody; with TLS without networks. */
function launch(dir: string, secure: DockerConnection | undefined): ChildProcess {
  const flags = [
    `--host=unix://${join(dir, 'docker.sock')}`,
    `--data-root=${join(dir, 'data')}`,
    `--exec-root=${join(dir, 'exec')}`,
    `--pidfile=${join(dir, 'pid')}`,
    '--storage-driver=overlay2',
  ]
  const log = openSync(join(dir, 'log'), 'a')
  const options = { stdio: ['ignore', log, log] as ['ignore', number, number], detached: true }
  if (secure === undefined)
    return spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; exec dockerd "$@"', 'sh', ...flags], options)
  const tls = ['ca', 'cert', 'key'].map(
    (part) => `--tls${part === 'ca' ? 'ca' : ''}${part === 'ca' ? 'cert' : part}=${join(dir, `server-${part}.pem`)}`,
  )
  return spawn(
    'dockerd',
    [...flags, `--host=${secure.host}`, '--tlsverify', ...tls, '--iptables=false', '--bridge=none'],
    options,
  )
}

async function answers(engine: ChildProcess, socketPath: string, dir: string): Promise<void> {
  const until = performance.now() + 60_000
  while (spawnSync('curl', ['-sf', '--unix-socket', socketPath, 'http://docker/_ping']).status !== 0) {
    if (engine.exitCode !== null || performance.now() > until)
      throw new Error(
        `dockerd does not answer: ${spawnSync('tail', ['-5', join(dir, 'log')], { encoding: 'utf8' }).stdout}`,
      )
    await new Promise((turned) => setTimeout(turned, 25))
  }
}

function ended(engine: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (engine.exitCode !== null || engine.signalCode !== null) return resolve()
    engine.once('exit', () => resolve())
    engine.kill('SIGTERM')
  })
}

/** What an engine leaves mounted: its data, and the namespace of the network `host`; the innermost first. */
function mountsIn(dir: string): readonly string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
  return mounts.filter((mount) => mount.startsWith(`${dir}/`)).reverse()
}

/** BusyBox with its programs, imported without a registry. */
function importTinyImage(dir: string, socketPath: string): void {
  const root = join(dir, 'root')
  for (const folder of ['bin', 'tmp', 'etc']) mkdirSync(join(root, folder), { recursive: true })
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim()
  copyFileSync(realpathSync(busybox), join(root, 'bin/busybox'))
  chmodSync(join(root, 'bin/busybox'), 0o755)
  const programs = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n')
  for (const program of programs)
    if (program !== '' && !existsSync(join(root, 'bin', program))) symlinkSync('busybox', join(root, 'bin', program))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  const script =
    'tar -C "$1" -c . | docker -H "unix://$2" import --change "ENV PATH=/bin" --change "CMD [\\"/bin/sh\\"]" - tiny:1'
  execFileSync('sh', ['-c', script, 'sh', root, socketPath], { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Certificates of an own CA for the engine and for us. */
function secureConnection(dir: string, port: number): DockerConnection {
  const certPath = join(dir, 'client')
  makeCertificates(dir, certPath)
  copyFileSync(join(dir, 'ca.pem'), join(dir, 'server-ca.pem'))
  return { kind: 'docker', socketPath: '/nowhere', host: `tcp://127.0.0.1:${port}`, tlsVerify: true, certPath }
}

/** A CA and a server's certificate in `dir`, a client's beside the CA in `client`. */
function makeCertificates(dir: string, client: string): void {
  mkdirSync(client, { recursive: true })
  const script = `set -eu; cd "$1"
make() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1-key.pem" -out "$1.csr" -subj "/CN=$1"
  printf '%s\\n' "$2" >"$1.ext"; openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile "$1.ext" -out "$1-cert.pem"; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=ca
make server 'subjectAltName=IP:127.0.0.1'; make client 'extendedKeyUsage=clientAuth'
cp ca.pem "$2/ca.pem"; cp client-cert.pem "$2/cert.pem"; cp client-key.pem "$2/key.pem"`
  execFileSync('sh', ['-c', script, 'sh', dir, client], { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** A port of loopback that is free now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((listening) => probe.once('listening', listening))
  const address = probe.address()
  await new Promise((closed) => probe.close(closed))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** A context whose reads are requests to this engine. */
export function engineContext({ executor }: Pick<DockerEngine, 'executor'>): Context {
  const { signal } = new AbortController()
  return {
    caller: { id: 'cli:0', scopes: [] },
    target: { id: 'box', kind: 'docker', tags: [], capabilities: [], constraints: defaultConstraints },
    signal,
    now: new Date(),
    remembered: () => ({ seenAt: undefined, resources: [] }),
    progress: () => undefined,
    read: (operation) => executor.perform(operation, { signal, timeoutMs: 20_000, maxOutputBytes: 1024 * 1024 }),
  }
}

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, connect as dial, type Server } from 'node:net'
import { join } from 'node:path'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { type DockerEngine, freePort, startEngine } from '../tests/support/docker-engine.ts'
import { type Sshd, startSshd } from '../tests/support/sshd.ts'
import { table } from './figures.ts'
import { type Peer, type PeerWish, startPeer } from './peers.ts'
import { makePlace, type Running, startHttp, textOf } from './servers.ts'
import { comparison, comparisonHead, inTurns, run, timed } from './timing.ts'

const containerCount = 30
const rounds = 40

/** A real engine with thirty containers, and a host it runs on. */
interface Bed {
  readonly engine: DockerEngine
  readonly sshd: Sshd
  readonly tailops: Running
}

/** Listing 30 containers against the docker client in time, and against MCP servers from npm in tokens. */
export async function containerLists(): Promise<string> {
  const engine = await startEngine()
  const place = makePlace()
  try {
    for (let at = 0; at < containerCount; at++) engine.run(...containerAt(at))
    const socket = join(engine.dir, 'docker.sock')
    const sshd = await startSshd([], { DOCKER_HOST: `unix://${socket}` })
    try {
      writeFileSync(place.env['TAILOPS_CONFIG'] ?? '', targetsOf(socket, sshd))
      const tailops = await startHttp('tailops', place)
      try {
        return [await times({ engine, sshd, tailops }), await tokens({ engine, sshd, tailops })].join('\n\n')
      } finally {
        await tailops.stop()
      }
    } finally {
      await sshd.stop()
    }
  } finally {
    place.remove()
    await engine.stop()
  }
}

const services = ['web', 'api', 'worker', 'db', 'cache', 'proxy']

/** Six projects of five services; two of them publish a port. */
function containerAt(at: number): readonly [string, readonly string[], readonly string[]] {
  const [service = '', project] = [services[at % services.length], `shop${Math.floor(at / services.length)}`]
  const labels = [
    '--label',
    `com.docker.compose.project=${project}`,
    '--label',
    `com.docker.compose.service=${service}`,
  ]
  const ports = at % 3 === 0 ? ['--publish', `${8000 + at}:80`] : []
  return [`${project}-${service}-1`, [...labels, ...ports], ['sleep', '3600']]
}

const targetsOf = (socket: string, { port, keyPath, hostKey }: Sshd): string =>
  [
    'version: "1.0"',
    'targets:',
    `  engine: { executor: docker, connection: { socket_path: ${socket} }, capabilities: [container:read] }`,
    `  host: { executor: ssh, connection: { host: 127.0.0.1, port: ${port}, username: root, key_path: ${keyPath}, host_key: "${hostKey.split(' ').slice(0, 2).join(' ')}" }, capabilities: [system:read] }`,
    '',
  ].join('\n')

const listing = { targets: ['engine'], all: true }

async function times({ engine, tailops }: Bed): Promise<string> {
  const socket = `unix://${join(engine.dir, 'docker.sock')}`
  const { ours, client } = await inTurns(rounds, {
    ours: () => timed(() => textOf(tailops, 'get_container_list', listing)),
    client: () => timed(() => run('docker', ['-H', socket, 'ps', '--all'])),
  })
  return [
    `\`get_container_list\` of ${containerCount} containers over HTTP against a \`docker ps --all\` that is started for each list (${rounds} rounds in turns).`,
    table(comparisonHead('docker'), [comparison(`${containerCount} containers`, ours, client)]),
  ].join('\n\n')
}

/** A line of the table of tokens: who, by which call, and what it costs. */
type Cost = readonly [who: string, call: string, tokens: number | string, ratio: string]

async function tokens(bed: Bed): Promise<string> {
  const { tailops, engine, sshd } = bed
  const containers = countTokens(await textOf(tailops, 'get_container_list', listing))
  const processes = countTokens(await textOf(tailops, 'get_top_processes', { targets: ['host'] }))
  const bridge = await tcpBridge(join(engine.dir, 'docker.sock'))
  try {
    const asked = peersOf(sshd, bridge.port)
    const found: { readonly containers: readonly Cost[]; readonly processes: readonly Cost[] }[] = []
    for (const peer of asked) found.push(await costsOf(peer, { containers, processes }))
    const head = ['Who', 'call', 'tokens', 'tailops is']
    return [
      `What a model reads of the same host, o200k tokens. The peers are installed from npm for the measurement.`,
      `List of ${containerCount} containers:`,
      table(head, [
        ['tailops', 'get_container_list', containers, ''],
        cost('docker', 'docker ps --all', dockerText(engine), containers),
        ...found.flatMap((peer) => peer.containers),
      ]),
      'Processes:',
      table(head, [['tailops', 'get_top_processes', processes, ''], ...found.flatMap((peer) => peer.processes)]),
    ].join('\n\n')
  } finally {
    bridge.server.close()
  }
}

const dockerText = (engine: DockerEngine): string => engine.docker('ps', '--all')

const cost = (who: string, call: string, text: string, ours: number): Cost => {
  const theirs = countTokens(text)
  return [who, `\`${call}\``, theirs, (ours / theirs).toFixed(2)]
}

interface Question {
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
  readonly shown: string
}

interface AskedPeer {
  readonly wish: PeerWish
  readonly containers: Question
  readonly processes?: Question
}

function peersOf(sshd: Sshd, dockerPort: number): readonly AskedPeer[] {
  return [
    {
      wish: {
        packageName: 'ssh-mcp',
        entry: 'build/index.js',
        env(home) {
          const folder = join(home, '.config/ssh-mcp')
          mkdirSync(folder, { recursive: true, mode: 0o700 })
          writeFileSync(join(folder, 'config.toml'), profileOf(sshd), { mode: 0o600 })
          chmodSync(folder, 0o700)
          return { XDG_CONFIG_HOME: join(home, '.config') }
        },
      },
      containers: { tool: 'run-command', args: { command: 'docker ps --all' }, shown: 'run-command docker ps --all' },
      processes: { tool: 'run-command', args: { command: 'ps aux' }, shown: 'run-command ps aux' },
    },
    {
      wish: {
        packageName: 'mcp-ssh-manager',
        entry: 'src/index.js',
        env(home) {
          const server = 'SSH_SERVER_BOX'
          mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 })
          writeFileSync(join(home, '.ssh/known_hosts'), `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`)
          return {
            [`${server}_HOST`]: '127.0.0.1',
            [`${server}_PORT`]: String(sshd.port),
            [`${server}_USER`]: 'root',
            [`${server}_KEYPATH`]: sshd.keyPath,
          }
        },
      },
      containers: {
        tool: 'ssh_execute',
        args: { server: 'box', command: 'docker ps --all' },
        shown: 'ssh_execute docker ps --all',
      },
      processes: {
        tool: 'ssh_process_manager',
        args: { server: 'box', action: 'list' },
        shown: 'ssh_process_manager list',
      },
    },
    {
      wish: {
        packageName: 'docker-mcp',
        entry: 'dist/index.js',
        env: () => ({ DOCKER_MCP_HOST: `tcp://localhost:${dockerPort}` }),
      },
      containers: { tool: 'docker_container_list', args: { all: true }, shown: 'docker_container_list' },
    },
  ]
}

const profileOf = ({ port, keyPath, fingerprint }: Sshd): string => `[defaults]
defaultProfile = "box"
approvalMode = "auto"

[[profiles]]
name = "box"
host = "127.0.0.1"
port = ${port}
user = "root"
auth = "key"
keyRef = "${keyPath}"
trustedHostKey = "${fingerprint}"
role = "admin"
approvalPolicy = "auto"
`

/** A peer that cannot be had or does not answer is told with its reason. */
async function costsOf(
  { wish, containers, processes }: AskedPeer,
  ours: Readonly<Record<'containers' | 'processes', number>>,
) {
  let peer: Peer | undefined
  try {
    const started = await startPeer(wish)
    peer = started
    const of = (question: Question, mine: number) => answerCost(started, question, mine)
    return {
      containers: [await of(containers, ours.containers)],
      processes: processes === undefined ? [] : [await of(processes, ours.processes)],
    }
  } catch (error) {
    return { containers: [missing(wish.packageName, error)], processes: [] }
  } finally {
    await peer?.stop()
  }
}

async function answerCost(peer: Peer, { tool, args, shown }: Question, ours: number): Promise<Cost> {
  try {
    return cost(peer.name, shown, await peer.ask(tool, args), ours)
  } catch (error) {
    return missing(peer.name, error)
  }
}

const missing = (who: string, error: unknown): Cost => [
  who,
  `not measured: ${(error instanceof Error ? error.message : String(error)).replaceAll(/[\n|]+/g, ' ').slice(0, 160)}`,
  '',
  '',
]

/** The engine's socket on a port of loopback, for clients that know no other socket than the system's. */
async function tcpBridge(socketPath: string): Promise<{ readonly port: number; readonly server: Server }> {
  const port = await freePort()
  const server = createServer((client) => {
    const engine = dial(socketPath)
    client.pipe(engine).pipe(client)
    for (const side of [client, engine])
      side.on('error', () => {
        client.destroy()
        engine.destroy()
      })
  }).listen(port, 'localhost')
  await new Promise((listening) => server.once('listening', listening))
  return { port, server }
}

/** Whether there is a docker client to compare with. */
export const hasDocker = (): boolean => spawnSync('docker', ['--version'], { stdio: 'ignore' }).status === 0

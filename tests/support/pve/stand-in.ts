import { Access } from '../../../src/demo/access.ts'
import type { Api } from '../../../src/demo/answer.ts'
import { methods } from '../../../src/demo/api.ts'
import type { Effect } from '../../../src/demo/effects.ts'
import type { Incoming } from '../../../src/demo/interference.ts'
import { type ServedCluster, type ServerCertificate, serveCluster } from '../../../src/demo/serve.ts'
import { World, type WorldSeed } from '../../../src/demo/world.ts'
import { type Clock, systemClock } from '../../../src/lib/clock.ts'
import { type Fault, faultBoard, type Where } from './faults.ts'
import { checkReplyOf, checkRequest, documented, documentedPath } from './schema.ts'

/** What a test says of one cluster; the stand-in adds the clock, who may log in, and the log of effects. */
export type ClusterSeed = Omit<WorldSeed, 'clock' | 'access' | 'effects' | 'nodes'> &
  Partial<Pick<WorldSeed, 'access' | 'nodes'>>

/** One cluster as a test meets it. */
export interface StandInCluster {
  readonly name: string
  /** One a node, in their order. */
  readonly urls: readonly string[]
  /** A token that may do everything. */
  readonly tokenId: string
  readonly tokenSecret: string
  /** Of the first node's certificate; undefined over plain HTTP. */
  readonly fingerprint: string | undefined
  readonly world: World
  url(node: string): string
}

/** A Proxmox VE with state, on loopback. */
export interface StandIn {
  readonly clusters: readonly StandInCluster[]
  cluster(name: string): StandInCluster
  /** What really happened, in order. */
  effects(): readonly Effect[]
  /** Sets a fault; returns what takes it back. */
  fault(fault: Fault, where?: Where): () => void
  clearFaults(): void
  /** Requests that arrived. */
  readonly requests: readonly string[]
  /** What the official schema refuses, of requests and of the stand-in's own replies: a test asserts that there is nothing. */
  readonly violations: readonly string[]
  /** Resolves when nodes that went off or came back have closed or opened their listeners. */
  settled(): Promise<void>
  stop(): Promise<void>
}

/** How the stand-in is opened. */
export interface StandInOptions {
  readonly clusters: readonly ClusterSeed[]
  readonly clock?: Clock
  /** The certificate of each node: `(cluster, node) => …`. */
  readonly tls?: (cluster: string, node: string) => ServerCertificate & { readonly fingerprint: string }
  /** Whether requests and replies are held against the schema; long runs on many guests say false. */
  readonly checked?: boolean
}

/** The token of every cluster that brings no access of its own. */
export const fullToken = { id: 'root@pam!tailops', secret: '11111111-2222-4333-8444-555555555555' } as const

/** Root with a full token, and a user `gw@pve` without rights. */
export const plainAccess = (): Access =>
  new Access({
    users: [
      { id: 'root@pam', password: 'root-password' },
      { id: 'gw@pve', password: 'gw-password-1' },
    ],
    tokens: [{ ...fullToken, privsep: false }],
    acls: [],
    key: 'key of the stand-in',
  })

/** Opens the clusters and serves them until `stop`. */
export async function openStandIn(options: StandInOptions): Promise<StandIn> {
  const { clusters, clock = systemClock, tls, checked = true } = options
  const board = faultBoard()
  const effects: Effect[] = []
  const requests: string[] = []
  const violations: string[] = []
  const opened: { readonly cluster: StandInCluster; readonly served: ServedCluster }[] = []
  for (const seed of clusters) {
    const world = worldOf(seed, { clock, effects, tls })
    world.taskFault = (name) => board.task(world.name, name)
    const api = checked ? checkedApi(world, violations) : { world, methods }
    const served = await serveCluster(api, {
      tls: tls && ((node) => tls(world.name, node)),
      interfere(incoming) {
        requests.push(`${incoming.method} ${incoming.path}`)
        violations.push(...undocumented(incoming))
        return board.request(incoming)
      },
    })
    opened.push({ cluster: clusterOf(world, served, tls !== undefined), served })
  }
  return {
    clusters: opened.map(({ cluster }) => cluster),
    cluster: (name) =>
      named(
        opened.map(({ cluster }) => cluster),
        name,
      ),
    effects() {
      for (const { cluster } of opened) cluster.world.settle()
      return effects
    },
    fault: board.set,
    clearFaults: board.clear,
    requests,
    violations,
    settled: async () => void (await Promise.all(opened.map(({ served }) => served.settled()))),
    stop: async () => void (await Promise.all(opened.map(({ served }) => served.stop()))),
  }
}

interface Around {
  readonly clock: Clock
  readonly effects: Effect[]
  readonly tls: StandInOptions['tls']
}

function worldOf(seed: ClusterSeed, { clock, effects, tls }: Around): World {
  const nodes = (seed.nodes ?? [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }]).map((node) => ({
    ...node,
    ...(tls && { fingerprint: tls(seed.name, node.name).fingerprint }),
  }))
  return new World({ ...seed, nodes, clock, effects, access: seed.access ?? plainAccess() })
}

function clusterOf(world: World, { urls }: ServedCluster, secure: boolean): StandInCluster {
  const [token] = world.access.tokens
  const [first] = world.nodes()
  return {
    name: world.name,
    urls: [...urls.values()],
    tokenId: token?.id ?? '',
    tokenSecret: token?.secret ?? '',
    fingerprint: secure ? first?.fingerprint : undefined,
    world,
    url: (node) => urls.get(node) ?? '',
  }
}

function named(clusters: readonly StandInCluster[], name: string): StandInCluster {
  const found = clusters.find((cluster) => cluster.name === name)
  if (found === undefined) throw new Error(`no cluster ${name}`)
  return found
}

/** The API with every request and every reply held against the schema. */
function checkedApi(world: World, violations: string[]): Api {
  const note = (method: string, path: string, wrong: readonly string[]) =>
    violations.push(...wrong.map((why) => `${method} ${path}: ${why}`))
  return {
    world,
    methods: methods.map((known) => ({
      ...known,
      answer(call) {
        const answered = known.answer(call)
        note(known.method, call.path, checkReplyOf(known.method, known.path, plain(answered.data)))
        return answered
      },
    })),
    checkParameters(method, path, params) {
      const wrong = checkRequest(method, path, params)
      note(
        method,
        path,
        Object.entries(wrong ?? {}).map(([name, why]) => `${name}: ${why}`),
      )
      return wrong
    },
  }
}

/** As it arrives: what is undefined is not sent. */
const plain = (data: unknown): unknown => JSON.parse(JSON.stringify(data))

function undocumented({ method, path }: Incoming): readonly string[] {
  const known = documentedPath(path)
  if (known === undefined || documented[known]?.[method] === undefined) return [`${method} ${path}: not documented`]
  const served = methods.some((one) => one.method === method && one.path === known)
  return served ? [] : [`${method} ${path}: documented, but the stand-in has no answer`]
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { capabilities } from '../../src/core/capability.ts'
import type { Executor } from '../../src/core/executor.ts'
import type { Policy } from '../../src/core/policy.ts'
import { defaultConstraints, type GuestProbe, type Target } from '../../src/core/target.ts'
import { openContacts } from '../../src/executors/contacts.ts'
import { openGatewayTarget } from '../../src/executors/gateway.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { clusterSource } from '../../src/fleet/cluster-source.ts'
import { openOwnChanges } from '../../src/fleet/own-changes.ts'
import { openWatch, type Watch } from '../../src/fleet/watch.ts'
import { backgroundRead } from '../../src/gateway/background-read.ts'
import { type Call, call, type Gateway } from '../../src/gateway/call.ts'
import { openJobs } from '../../src/gateway/jobs.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { logger } from '../../src/lib/log.ts'
import { randomId } from '../../src/lib/random-id.ts'
import { openState, type State } from '../../src/state/open.ts'
import { tools } from '../../src/tools/index.ts'
import { connectionTo, quietDiscovery } from './fleet-world.ts'
import { alice } from './gateway-world.ts'
import { hastyClock } from './hasty-clock.ts'
import { openStandIn, type StandIn, type StandInOptions } from './pve/stand-in.ts'

/** The whole way of a call to simulated clusters: gateway, stores, executors; all tools. Time passes as fast as it can. */
export interface ClustersWorld {
  readonly standIn: StandIn
  readonly gateway: Gateway
  readonly state: State
  readonly watch: Watch
  readonly clock: Clock
  ask(tool: string, input?: Record<string, unknown>, more?: Partial<Call>): Promise<CallResult>
  stop(): Promise<void>
}

export interface ClustersOptions extends Pick<StandInOptions, 'clusters'> {
  readonly policy?: Policy
  /** One on which time passes as fast as it can, when left out. */
  readonly clock?: Clock
  /** What must be true of guests after a change with `snapshot_first`; the gateway asks. */
  readonly probes?: readonly GuestProbe[]
  /** More of the clusters as targets. */
  readonly target?: Pick<Partial<Target>, 'constraints' | 'nodes'>
  /** Targets that carry operations of guests, and who performs on them; closed by who opened them. */
  readonly carriers?: readonly { readonly target: Target; readonly executor: Executor }[]
  /** State that an earlier world left; left in place. */
  readonly stateDir?: string
  /** Clusters of an earlier world; left running. */
  readonly standIn?: StandIn
  /** What a process is called that left state behind; it is taken for dead. */
  readonly process?: string
  /** Stands between the gateway and a cluster. */
  readonly between?: (executor: Executor) => Executor
  /** Real milliseconds after which time limits end what hangs; plenty when left out. */
  readonly limitsEndAfterMs?: number
}

const everything: Policy = { rules: [{ id: 'all', effect: 'allow' }] }

export async function openClustersWorld({
  clusters,
  policy = everything,
  clock: given,
  probes,
  target: more,
  carriers = [],
  stateDir,
  standIn: running,
  process: name = 'test',
  between = (executor) => executor,
  limitsEndAfterMs = 20_000,
}: ClustersOptions): Promise<ClustersWorld> {
  // The API's own delay of three seconds passes at once as well.
  const clock = given ?? hastyClock(new Date(), 3500, limitsEndAfterMs)
  const standIn = running ?? (await openStandIn({ clusters, clock }))
  const dir = stateDir ?? mkdtempSync(join(tmpdir(), 'tailops-clusters-'))
  const log = logger('error', () => undefined, clock.now)
  const process = { id: name, isAlive: (id: string) => id === name }
  const state = openState({ dir, now: clock.now, newId: randomId, process, log })
  const contacts = openContacts(clock)
  const targets = standIn.clusters.map(
    ({ name }): Target => ({
      id: name,
      kind: 'proxmox',
      tags: [],
      capabilities,
      constraints: defaultConstraints,
      cluster: name,
      prefixes: [],
      guestProbes: probes,
      ...more,
    }),
  )
  const own: Target = { id: 'gateway', kind: 'gateway', tags: [], capabilities, constraints: defaultConstraints }
  const executors = new Map(
    standIn.clusters.map((cluster) => {
      const { name } = cluster
      return [name, contacts.watched(name, between(openProxmox(name, connectionTo(cluster), clock)))]
    }),
  )
  const executor = ({ id }: Target) => {
    const carrier = carriers.find(({ target }) => target.id === id)?.executor
    const found = id === own.id ? itself : (executors.get(id) ?? carrier)
    if (found === undefined) throw new TypeError(`no executor of ${id}`)
    return found
  }
  const { approvals, audit, brake, journal, outputs, fleet } = state
  const itself = openGatewayTarget({
    targets,
    tools,
    policy,
    approvals,
    audit,
    outputs,
    contacts,
    clock,
    fleet,
    job: async () => undefined,
    cancel: () => false,
    health: () => null,
    discover: async () => null,
  })
  const gateway: Gateway = {
    tools,
    targets: { all: [own, ...targets, ...carriers.map(({ target }) => target)], executor },
    policy,
    approvals,
    audit,
    brake,
    journal,
    outputs,
    fleet,
    jobs: openJobs(clock),
    clock,
    log,
    version: 'test',
    newId: () => randomId(),
    changing(changes) {
      const ended = ours.begin(changes)
      return async () => {
        ended()
        for (const source of new Set(changes.map((change) => change.source))) await watch.soon(source, over.signal)
      }
    },
  }
  const ours = openOwnChanges(clock)
  const look = backgroundRead(executor)
  const over = new AbortController()
  const sources = targets.map((target) => {
    const read = (path: string) => look(target, { kind: 'request', method: 'GET', path }, over.signal)
    const source = clusterSource(
      target.id,
      { discovery: quietDiscovery },
      { store: fleet, own: ours, now: clock.now, read },
    )
    return { ...source, causeOf: ours.causeOf }
  })
  const watch = openWatch({ sources, store: fleet, clock, log, random: () => 0.5, changed: () => undefined })
  return {
    standIn,
    gateway,
    state,
    watch,
    clock,
    ask(name, input = {}, more = {}) {
      const tool = tools.find((candidate) => candidate.name === name)
      if (tool === undefined) throw new TypeError(`no tool ${name}`)
      return call(gateway, { tool, input, caller: alice, signal: new AbortController().signal, ...more })
    },
    async stop() {
      over.abort()
      await gateway.jobs.idle()
      await Promise.all([...executors.values()].map((one) => one.close()))
      state.close()
      if (running === undefined) await standIn.stop()
      if (stateDir === undefined) rmSync(dir, { recursive: true, force: true })
    },
  }
}

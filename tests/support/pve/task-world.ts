import type { Executor } from '../../../src/core/executor.ts'
import { post } from '../../../src/core/operation.ts'
import { openProxmox } from '../../../src/executors/proxmox.ts'
import { type HastyClock, hastyClock } from '../hasty-clock.ts'
import { proxmoxAt } from './proxmox-target.ts'
import { openReplay, type Replay, type Replayed } from './replay.ts'
import { openStandIn, type StandIn, type StandInCluster } from './stand-in.ts'

/** Clusters on which writes are performed, each with its executor and a clock that does not wait. */
export interface TaskWorlds {
  /** A stand-in: 101 runs, 102 is stopped, both on pve1; 200 and the template 201 on pve2. */
  standIn(clock?: HastyClock): Promise<Acted & { readonly pve: StandIn; readonly cluster: StandInCluster }>
  /** Replies made for a test. */
  replaying(replies: readonly Replayed[], clock?: HastyClock): Promise<Acted & { readonly replay: Replay }>
  /** Closes what was opened so far. */
  close(): Promise<void>
}

interface Acted {
  readonly executor: Executor
  readonly clock: HastyClock
}

export function taskWorlds(): TaskWorlds {
  const open: { stop(): Promise<unknown> }[] = []
  const executorAt = (urls: readonly string[], clock: HastyClock): Executor => {
    const executor = openProxmox('a', proxmoxAt(urls), clock)
    open.push({ stop: () => executor.close() })
    return executor
  }
  return {
    async standIn(clock = hastyClock()) {
      const pve = await openStandIn({ clock, clusters: [{ name: 'a', guests: guestsAt(clock.now().getTime()) }] })
      open.push(pve)
      const cluster = pve.cluster('a')
      return { pve, cluster, clock, executor: executorAt(cluster.urls, clock) }
    },
    async replaying(replies, clock = hastyClock()) {
      const replay = await openReplay(replies)
      open.push(replay)
      return { replay, clock, executor: executorAt([replay.url], clock) }
    },
    async close() {
      for (const one of open.splice(0).reverse()) await one.stop()
    },
  }
}

const guestsAt = (now: number) =>
  [
    { vmid: 101, node: 'pve1', status: 'running', startedAt: now - 3_600_000 },
    { vmid: 102, node: 'pve1', status: 'stopped' },
    { vmid: 200, node: 'pve2', kind: 'qemu', status: 'stopped' },
    { vmid: 201, node: 'pve2', kind: 'qemu', status: 'stopped', template: true },
  ] as const

/** What was done to guests, by the account of the stand-in. */
export const changes = (pve: StandIn): readonly string[] =>
  pve.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

/** Starts a container on pve1. */
export const start = (vmid: number) => post(`/nodes/pve1/lxc/${vmid}/status/start`)

/** Time enough for every task. */
export const patient = { timeoutMs: 60_000 } as const

/** A start of 101 at 2026-11-21T03:26:29Z. */
export const upid = 'UPID:pve1:000000DD:00079C44:6B010F65:vzstart:101:root@pam!tailops:'

/** The answer to that start. */
export const taskAccepted: Replayed = {
  method: 'POST',
  path: '/nodes/pve1/lxc/101/status/start',
  status: 200,
  reason: 'OK',
  body: { data: upid },
}

/** That start from its acceptance to its end, after so many looks at it. */
export function taskReplies(exitstatus: string, lines: readonly string[], running = 0): readonly Replayed[] {
  const status = { method: 'GET', path: `/nodes/pve1/tasks/${upid}/status`, status: 200, reason: 'OK' }
  const log = lines.map((t, index) => ({ n: index + 1, t }))
  return [
    taskAccepted,
    ...Array.from({ length: running }, () => ({ ...status, body: { data: { status: 'running' } } })),
    { ...status, body: { data: { status: 'stopped', exitstatus } } },
    { ...status, path: `/nodes/pve1/tasks/${upid}/log`, body: { data: log, total: log.length } },
  ]
}

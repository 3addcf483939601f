import type { Clock } from '../lib/clock.ts'
import type { Access } from './access.ts'
import { ApiError } from './api-error.ts'
import type { Effect, EffectLog } from './effects.ts'
import { type Guest, type GuestSeed, guestOf, kept } from './guest.ts'
import { started } from './guest-changes.ts'
import {
  type BackupJob,
  type NodeSeed,
  type NodeState,
  nodeOf,
  type Pool,
  type PveNode,
  type ReplicationJob,
  type Storage,
} from './parts.ts'
import { type Task, type TaskName, type TaskOrigin, type TaskPlan, Tasks } from './tasks.ts'

/** What a cluster begins with. */
export interface WorldSeed {
  readonly name: string
  readonly clock: Clock
  readonly access: Access
  readonly nodes: readonly NodeSeed[]
  readonly guests?: readonly GuestSeed[]
  readonly storages?: readonly Storage[]
  readonly pools?: readonly Pool[]
  readonly backupJobs?: readonly BackupJob[]
  readonly replication?: readonly ReplicationJob[]
  /** Shared by clusters whose effects are read together. */
  readonly effects?: EffectLog
}

/** What pvestatd last told of a guest or a node, and when. */
export interface Heard<T> {
  readonly what: T
  readonly at: number
}

/** pvestatd tells its numbers every 10 s. */
const broadcastMs = 10_000

/** One simulated cluster: its state, moved on by its clock and by requests. Guests and nodes are replaced, never edited. */
export class World {
  readonly name: string
  readonly clock: Clock
  readonly access: Access
  readonly tasks = new Tasks()
  readonly storages: Map<string, Storage>
  readonly pools: Map<string, Pool>
  backupJobs: readonly BackupJob[]
  replication: readonly ReplicationJob[]
  /** What goes differently with a task that begins: tests set it. */
  taskFault: ((name: TaskName) => Partial<TaskPlan> | undefined) | undefined
  readonly #nodes: Map<string, PveNode>
  readonly #guests = new Map<number, Guest>()
  readonly #effects: EffectLog
  readonly #watchers = new Set<(node: PveNode) => void>()
  #heardGuests = new Map<number, Heard<Guest>>()
  #heardNodes = new Map<string, Heard<PveNode>>()
  #heardAt = Number.NEGATIVE_INFINITY
  #quorumLost = false
  #settling = false

  constructor(seed: WorldSeed) {
    const now = seed.clock.now().getTime()
    this.name = seed.name
    this.clock = seed.clock
    this.access = seed.access
    this.storages = new Map(seed.storages?.map((storage) => [storage.name, storage]))
    this.pools = new Map(seed.pools?.map((pool) => [pool.name, pool]))
    this.backupJobs = seed.backupJobs ?? []
    this.replication = seed.replication ?? []
    this.#effects = seed.effects ?? []
    this.#nodes = new Map(seed.nodes.map((node, index) => [node.name, nodeOf(node, index + 1, now)]))
    for (const guest of seed.guests ?? []) this.#guests.set(guest.vmid, kept(guestOf(guest), now))
    this.#listen(now)
    for (const node of this.#nodes.values()) this.#heardNodes.set(node.name, { what: node, at: node.goneAt ?? now })
    for (const guest of this.#guests.values()) {
      this.#heardGuests.set(guest.vmid, { what: guest, at: this.#nodes.get(guest.node)?.goneAt ?? now })
    }
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.clock.now().getTime()
  }

  /** Moves the world on to the present: tasks that are due end, and their effects happen. */
  settle(): void {
    if (this.#settling) return
    this.#settling = true
    const now = this.now()
    try {
      this.tasks.settle(now, (task) => this.#finish(task))
    } finally {
      this.#settling = false
    }
    this.#listen(now)
  }

  guests(): readonly Guest[] {
    this.settle()
    return [...this.#guests.values()].map((guest) => this.#locked(guest))
  }

  guest(vmid: number): Guest | undefined {
    this.settle()
    const guest = this.#guests.get(vmid)
    return guest && this.#locked(guest)
  }

  #locked(guest: Guest): Guest {
    const lock = guest.lock ?? this.tasks.lockOf(guest.vmid)
    return lock === guest.lock ? guest : { ...guest, lock }
  }

  nodes(): readonly PveNode[] {
    return [...this.#nodes.values()]
  }

  node(name: string): PveNode | undefined {
    return this.#nodes.get(name)
  }

  effects(): readonly Effect[] {
    this.settle()
    return this.#effects
  }

  /** What the cluster was last told of a guest: at most 10 s old while its node lives. */
  heardOfGuest(vmid: number): Heard<Guest> | undefined {
    return this.#heardGuests.get(vmid)
  }

  heardOfNode(name: string): Heard<PveNode> | undefined {
    return this.#heardNodes.get(name)
  }

  /** Adds a guest or replaces the one of its number; one that starts or stops takes what waited for that. */
  putGuest(guest: Guest): void {
    this.#listen(this.now())
    const begins = guest.startedAt !== this.#guests.get(guest.vmid)?.startedAt
    this.#guests.set(guest.vmid, kept(begins ? started(guest) : guest, this.now()))
  }

  /** Changes fields of a guest. @throws TypeError when there is no such guest. */
  changeGuest(vmid: number, change: Partial<Guest>): void {
    const guest = this.#guests.get(vmid)
    if (guest === undefined) throw new TypeError(`${this.name} has no guest ${vmid}`)
    this.putGuest({ ...guest, ...change })
  }

  removeGuest(vmid: number): void {
    this.#listen(this.now())
    this.#guests.delete(vmid)
    this.#heardGuests.delete(vmid)
  }

  /** Takes a node down, lets it hang, or brings it back. What runs on a node that goes down ends without its effect. @throws TypeError when there is no such node. */
  setNodeState(name: string, state: NodeState): void {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new TypeError(`${this.name} has no node ${name}`)
    this.settle()
    const goneAt = state === 'online' ? undefined : (node.goneAt ?? this.now())
    const next = { ...node, state, goneAt }
    this.#nodes.set(name, next)
    if (state === 'offline') {
      for (const task of this.tasks.runningOn(name)) this.#failed({ ...task, endsAt: this.now() }, 'unexpected status')
    }
    for (const watch of this.#watchers) watch(next)
  }

  /** Changes facts of a node: its load, its certificate, its upgrades. @throws TypeError when there is no such node. */
  changeNode(name: string, change: Partial<Omit<PveNode, 'name' | 'state' | 'goneAt'>>): void {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new TypeError(`${this.name} has no node ${name}`)
    this.#listen(this.now())
    this.#nodes.set(name, { ...node, ...change })
  }

  /** Hears of every node whose state changes. Returns what ends the watch. */
  watchNodes(watch: (node: PveNode) => void): () => void {
    this.#watchers.add(watch)
    return () => this.#watchers.delete(watch)
  }

  /** Without quorum nothing can be written to the cluster's file system. */
  isQuorate(): boolean {
    const online = this.nodes().filter(({ state }) => state === 'online').length
    return !this.#quorumLost && online * 2 > this.#nodes.size
  }

  /** Takes quorum away although all nodes live, or gives it back. */
  setQuorumLost(lost: boolean): void {
    this.#quorumLost = lost
  }

  /** Begins a task that runs by the clock; that it was accepted is an effect. */
  begin(name: TaskName, plan: TaskPlan): Task {
    const task = this.tasks.begin(name, { ...plan, ...this.taskFault?.(name) }, this.now())
    this.#note(task, task.startedAt, { effect: 'accepted', vmid: name.id === '' ? undefined : Number(name.id) })
    return task
  }

  /** Writes down what a request did without a task. */
  note(origin: TaskOrigin, done: Pick<Effect, 'effect' | 'vmid'>): void {
    this.#effects.push({ at: this.now(), cluster: this.name, ...origin, ...done })
  }

  /** Counts bytes as used on a storage, or as free again, as this node sees it. */
  addUsed(name: string, node: string, bytes: number): void {
    const storage = this.storages.get(name)
    if (storage === undefined) return
    const at = storage.shared ? '*' : node
    this.storages.set(name, {
      ...storage,
      used: { ...storage.used, [at]: Math.max(0, (storage.used[at] ?? 0) + bytes) },
    })
  }

  /** Ends a running task before its time: its effect does not happen. */
  stopTask(task: Task): void {
    this.#failed({ ...task, endsAt: this.now() }, 'received interrupt')
  }

  #finish(task: Task): void {
    const at = task.endsAt
    this.tasks.release(task)
    try {
      if (task.plan.fails !== undefined) throw new ApiError(500, task.plan.fails)
      const done = task.plan.apply?.(at)
      this.tasks.end(task, task.plan.exitstatus ?? 'OK', at)
      if (done !== undefined) this.#note(task, at, done)
    } catch (error) {
      this.#failed(task, error instanceof Error ? error.message : String(error))
    }
  }

  #failed(task: Task, why: string): void {
    this.tasks.end(task, why, task.endsAt)
    task.plan.failed?.()
    this.#note(task, task.endsAt, { effect: `failed: ${why}`, vmid: task.id === '' ? undefined : Number(task.id) })
  }

  #note({ origin, upid }: Task, at: number, done: Pick<Effect, 'effect' | 'vmid'>): void {
    this.#effects.push({ at, cluster: this.name, ...origin, ...done, upid })
  }

  /** Takes the numbers that pvestatd tells, when 10 s have passed since the last time; nodes that are gone tell nothing. */
  #listen(now: number): void {
    if (now - this.#heardAt < broadcastMs) return
    this.#heardAt = now
    const alive = (name: string) => this.#nodes.get(name)?.state === 'online'
    const heard = new Map<number, Heard<Guest>>()
    for (const guest of this.#guests.values()) {
      const last = alive(guest.node) ? { what: guest, at: now } : this.#heardGuests.get(guest.vmid)
      if (last !== undefined) heard.set(guest.vmid, last)
    }
    this.#heardGuests = heard
    for (const node of this.#nodes.values()) {
      if (node.state === 'online') this.#heardNodes.set(node.name, { what: node, at: now })
    }
  }
}

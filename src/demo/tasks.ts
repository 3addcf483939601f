import type { Effect } from './effects.ts'

/** What ran a task: the request behind it. */
export interface TaskOrigin {
  readonly method: string
  readonly path: string
  /** `gw@pve!full` or `gw@pve` */
  readonly user: string
}

/** How a task ends, unless it never does: an error is its exit status. */
export interface TaskPlan {
  readonly durationMs: number
  /** `fails`: the exit status, known from the beginning. */
  readonly fails?: string | undefined
  readonly never?: boolean | undefined
  /** The exit status in place of OK: `WARNINGS: 1`. */
  readonly exitstatus?: string | undefined
  /** What its guest is locked with while it runs: `backup`. Others are refused then, they do not wait. */
  readonly lock?: string | undefined
  /** Takes back what was to be seen while it ran, when it fails. */
  readonly failed?: (() => void) | undefined
  /** Log lines before the last one, in order. */
  readonly log?: readonly string[] | undefined
  /** Changes the world at the end; what it returns is written into the log of effects. A throw fails the task. */
  readonly apply?: ((at: number) => Pick<Effect, 'effect' | 'vmid'>) | undefined
}

/** One task, running or ended. Times in milliseconds since 1970. */
export interface Task {
  readonly upid: string
  readonly node: string
  readonly pid: number
  readonly pstart: number
  readonly type: string
  /** The guest's number, or empty. */
  readonly id: string
  readonly user: string
  readonly startedAt: number
  readonly endsAt: number
  readonly plan: TaskPlan
  readonly origin: TaskOrigin
  /** Set once it has ended: `OK`, or the error. */
  readonly exitstatus?: string | undefined
}

/** What a new task is called. */
export interface TaskName {
  readonly node: string
  readonly type: string
  readonly id: string
  readonly origin: TaskOrigin
}

/** How a task went that ended long ago. Times in milliseconds since 1970. */
export interface PastRun {
  readonly startedAt: number
  readonly endsAt: number
  readonly exitstatus: string
  readonly log: readonly string[]
}

/** The tasks of a cluster. They end by the clock: `settle` ends the ones whose time has come, in the order of their ends. */
export class Tasks {
  readonly #all = new Map<string, Task>()
  readonly #running = new Map<string, Task>()
  #next = 1

  /** Begins a task; it runs until somebody settles a time after its end. */
  begin({ node, type, id, origin }: TaskName, plan: TaskPlan, now: number): Task {
    const pid = 200 + this.#next
    const pstart = 400_000 + this.#next * 97
    this.#next += 1
    const seconds = Math.floor(now / 1000)
    const upid = `UPID:${node}:${hex8(pid)}:${hex8(pstart)}:${hex8(seconds)}:${type}:${id}:${origin.user}:`
    const endsAt = plan.never ? Number.POSITIVE_INFINITY : now + plan.durationMs
    const task = { upid, node, pid, pstart, type, id, user: origin.user, startedAt: now, endsAt, plan, origin }
    this.#all.set(upid, task)
    this.#running.set(upid, task)
    return task
  }

  /** Adds a task that has ended already. */
  record(name: TaskName, { startedAt, endsAt, exitstatus, log }: PastRun): Task {
    const task = this.begin(name, { durationMs: endsAt - startedAt, log }, startedAt)
    this.end(task, exitstatus, endsAt)
    return task
  }

  find(upid: string): Task | undefined {
    return this.#all.get(upid)
  }

  /** The newest first. */
  list(): readonly Task[] {
    return [...this.#all.values()].reverse()
  }

  /** When the last task that runs now and makes others wait for this guest will have ended; in the past when none does. */
  freeAt(vmid: number): number {
    const ends = this.#runningOf(vmid).flatMap(({ plan, endsAt }) => (plan.lock === undefined ? [endsAt] : []))
    return Math.max(Number.NEGATIVE_INFINITY, ...ends)
  }

  /** What the tasks that run now have locked this guest with. */
  lockOf(vmid: number): string | undefined {
    return this.#runningOf(vmid).find(({ plan }) => plan.lock !== undefined)?.plan.lock
  }

  #runningOf(vmid: number): readonly Task[] {
    return [...this.#running.values()].filter(({ id }) => id === String(vmid))
  }

  runningOn(node: string): readonly Task[] {
    return [...this.#running.values()].filter((task) => task.node === node)
  }

  /** Ends what is due; `ended` hears of every end, the earliest first. */
  settle(now: number, ended: (task: Task) => void): void {
    if (this.#running.size === 0) return
    const due = [...this.#running.values()].filter(({ endsAt }) => endsAt <= now)
    for (const task of due.sort((a, b) => a.endsAt - b.endsAt)) ended(task)
  }

  /** Its work is over: it keeps nobody out any more. */
  release({ upid }: Task): void {
    this.#running.delete(upid)
  }

  /** Writes down how a task ended. */
  end(task: Task, exitstatus: string, at: number): void {
    this.#running.delete(task.upid)
    this.#all.set(task.upid, { ...task, exitstatus, endsAt: at })
  }
}

const hex8 = (value: number) => value.toString(16).toUpperCase().padStart(8, '0')

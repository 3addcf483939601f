import { fdatasync } from 'node:fs'
import { setImmediate } from 'node:timers'
import type { AuditFilter, AuditLog, AuditRecord } from '../core/ports.ts'
import { genesis, type Head } from './audit-chain.ts'
import { ActiveAuditFile } from './audit-file.ts'
import { type AuditFile, closeAuditFiles, linesForward, openAuditFiles } from './audit-lines.ts'
import { lastOf } from './audit-recovery.ts'
import { tailAudit } from './audit-tail.ts'
import type { AuditVerdict } from './audit-verdict.ts'
import { verifyAudit } from './audit-verify.ts'
import type { FileLock } from './file-lock.ts'
import { stateUnavailable } from './state-error.ts'

export interface AuditLogOptions {
  readonly dir: string
  /** Shared with all processes that write to the log. */
  readonly lock: FileLock
  now(): Date
  newId(length: number): string
  /** Size at which a file is closed and a new one begun; 64 MiB. */
  readonly maxBytes?: number | undefined
}

interface Waiting {
  readonly body: string
  readonly durable: boolean
  resolve(): void
  reject(error: unknown): void
}

/**
 * The log of one state directory. Records given in the same turn of the event loop are written together under one lock;
 * a damaged end is repaired by the next write, so that looking at a log changes nothing.
 */
export class FileAuditLog implements AuditLog {
  readonly #dir: string
  readonly #lock: FileLock
  readonly #file: ActiveAuditFile
  readonly #now: () => Date
  readonly #newId: (length: number) => string
  #queue: Waiting[] = []
  #unsynced: Waiting[] = []
  #isSyncing = false
  #isClosed = false
  #isFailing = false

  constructor({ dir, lock, now, newId, maxBytes = 64 * 2 ** 20 }: AuditLogOptions) {
    this.#dir = dir
    this.#lock = lock
    this.#now = now
    this.#newId = newId
    this.#file = new ActiveAuditFile({ dir, maxBytes, remark: (reason) => this.#remarkBody(reason) })
  }

  append(record: AuditRecord, options: { readonly durable?: boolean } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const body = JSON.stringify(record)
      if (this.#queue.length === 0) setImmediate(() => this.#flush())
      this.#queue.push({ body, durable: options.durable === true, resolve, reject })
    })
  }

  /** Writes at once what the gateway has to say of itself. @throws GatewayError state_unavailable */
  remark(reason: string): void {
    this.#write([this.#remarkBody(reason)])
  }

  /** Whether the last write went well; after one that did not, tries again. */
  writable(): boolean {
    if (!this.#isFailing) return true
    try {
      this.remark('the audit log can be written again')
    } catch {
      // Still failing: that is the answer.
    }
    return !this.#isFailing
  }

  tail(filter: AuditFilter): ReturnType<AuditLog['tail']> {
    return this.#reading((files) => tailAudit(files, filter))
  }

  /** Checks every byte of all files, oldest first. */
  verify(): AuditVerdict {
    return this.#reading(verifyAudit)
  }

  /** The last record. */
  head(): Head {
    return this.#reading((files) => {
      for (const file of files.toReversed()) {
        const { head } = lastOf(file)
        if (head !== undefined) return head
      }
      return genesis
    })
  }

  /** All lines as they stand, oldest first. */
  *lines(): Generator<string> {
    const files = this.#openFiles()
    try {
      for (const file of files) {
        for (const { bytes } of linesForward(file)) yield bytes.toString('utf8')
      }
    } finally {
      closeAuditFiles(files)
    }
  }

  close(): void {
    this.#flush()
    this.#isClosed = true
    if (!this.#isSyncing) this.#file.close()
  }

  #remarkBody(reason: string): string {
    const record: AuditRecord = {
      at: this.#now().toISOString(),
      call: this.#newId(12),
      event: 'gateway',
      caller: 'gateway',
      reason,
    }
    return JSON.stringify(record)
  }

  #flush(): void {
    const batch = this.#queue
    this.#queue = []
    if (batch.length === 0) return
    try {
      const fd = this.#write(batch.map(({ body }) => body))
      for (const { durable, resolve } of batch) if (!durable) resolve()
      this.#unsynced.push(...batch.filter(({ durable }) => durable))
      this.#sync(fd)
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    }
  }

  #write(bodies: readonly string[]): number {
    try {
      const fd = this.#lock.hold(() => this.#file.append(bodies))
      this.#isFailing = false
      return fd
    } catch (error) {
      this.#isFailing = true
      throw stateUnavailable('cannot write the audit log', error)
    }
  }

  /** One fdatasync at a time; what is written meanwhile waits for the next. */
  #sync(fd: number): void {
    if (this.#isSyncing) return
    if (this.#unsynced.length === 0) {
      if (this.#isClosed) this.#file.close()
      else this.#file.closeLeft()
      return
    }
    const batch = this.#unsynced
    this.#unsynced = []
    this.#isSyncing = true
    fdatasync(fd, (error) => {
      this.#isSyncing = false
      for (const waiting of batch) {
        if (error === null) waiting.resolve()
        else waiting.reject(stateUnavailable('cannot make the audit log durable', error))
      }
      this.#sync(this.#file.fd ?? fd)
    })
  }

  #reading<T>(work: (files: readonly AuditFile[]) => T): T {
    const files = this.#openFiles()
    try {
      return work(files)
    } catch (error) {
      throw stateUnavailable('cannot read the audit log', error)
    } finally {
      closeAuditFiles(files)
    }
  }

  #openFiles(): readonly AuditFile[] {
    this.#flush()
    try {
      return this.#lock.hold(() => openAuditFiles(this.#dir))
    } catch (error) {
      throw stateUnavailable(`cannot read the audit log in ${this.#dir}`, error)
    }
  }
}

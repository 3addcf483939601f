import { genesis, type Head, sealOf } from './audit-chain.ts'
import { type AuditFile, activeName, linesForward, rotatedName } from './audit-lines.ts'
import type { AuditVerdict } from './audit-verdict.ts'

/** Whether the log is byte for byte what was written: every hash, number and link, from the first record on. */
export function verifyAudit(files: readonly AuditFile[]): AuditVerdict {
  let head: Head = genesis
  let records = 0
  for (const file of files) {
    let line = 0
    for (const { bytes, whole } of linesForward(file)) {
      line += 1
      const why = whole ? faultOf(bytes, head) : 'the line has no end'
      const misnamed = line === 1 && file.name !== activeName && file.name !== rotatedName(head.seq + 1)
      const broken = why ?? (misnamed ? `the file should be named ${rotatedName(head.seq + 1)}` : undefined)
      if (broken !== undefined) {
        return { ok: false, records, files: files.length, broken: { file: file.name, line, why: broken } }
      }
      head = sealOf(bytes) ?? head
      records += 1
    }
    if (line === 0 && file.name !== activeName) {
      return { ok: false, records, files: files.length, broken: { file: file.name, line: 1, why: 'the file is empty' } }
    }
  }
  return { ok: true, records, files: files.length }
}

function faultOf(line: Buffer, before: Head): string | undefined {
  const seal = sealOf(line)
  if (seal === undefined) return 'it is not a sealed record'
  if (!seal.holds) return 'its bytes are not those that were sealed'
  if (seal.seq !== before.seq + 1) return `record ${seal.seq} follows record ${before.seq}`
  return seal.prev === before.hash ? undefined : 'its `prev` is not the hash of the record before it'
}

/** What a check of the audit log found. */
export interface AuditVerdict {
  readonly ok: boolean
  /** How many records hold, up to the first that does not. */
  readonly records: number
  readonly files: number
  /** The first line that does not hold. */
  readonly broken?: { readonly file: string; readonly line: number; readonly why: string } | undefined
}

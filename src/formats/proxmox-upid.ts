/** What the handle of a task says by itself. */
export interface Upid {
  /** Where it runs, and must be asked about; not always the node that was asked to start it. */
  readonly node: string
  readonly startedAt: Date
  /** `vzstart` */
  readonly type: string
  /** vmid, storage…; may be empty. */
  readonly id: string
  /** `root@pam` or `root@pam!tailops` */
  readonly user: string
}

/**
 * Reads `UPID:pve1:0000034E:0007DE77:6B01100E:vzshutdown:101:root@pam!full:`; undefined when it is none.
 * Fields: node, pid, pstart, start time (hexadecimal seconds), type, id, user (Proxmox VE, PVE::Tools::upid_decode).
 */
export function parseUpid(text: string): Upid | undefined {
  const found = /^UPID:([A-Za-z0-9-]+):[0-9A-F]{8}:[0-9A-F]{8,9}:([0-9A-F]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/.exec(
    text,
  )
  const [, node, started, type, id = '', user] = found ?? []
  if (node === undefined || started === undefined || type === undefined || user === undefined) return undefined
  return { node, startedAt: new Date(Number.parseInt(started, 16) * 1000), type, id, user }
}

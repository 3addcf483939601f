import type { Request } from '../core/operation.ts'

/** The task that a write starts, as the node's task list will show it. */
export interface ExpectedTask {
  readonly node: string
  /** Any of these: guests that the HA manager keeps have other ones. */
  readonly types: readonly string[]
  /** The guest that it is about. */
  readonly vmid?: string | undefined
}

type Row = readonly [method: Request['method'], below: RegExp, lxc: readonly string[], qemu: readonly string[]]

/** Below `/nodes/{node}/{lxc|qemu}/{vmid}`. Source: fork_worker in PVE::API2::LXC and ::Qemu, 9.2. */
const onGuest: readonly Row[] = [
  ['POST', /^status\/start$/, ['vzstart', 'hastart'], ['qmstart', 'hastart']],
  ['POST', /^status\/stop$/, ['vzstop', 'hastop'], ['qmstop', 'hastop']],
  ['POST', /^status\/shutdown$/, ['vzshutdown', 'hastop'], ['qmshutdown', 'hastop']],
  ['POST', /^status\/reboot$/, ['vzreboot'], ['qmreboot']],
  ['POST', /^status\/reset$/, [], ['qmreset']],
  ['POST', /^status\/suspend$/, ['vzsuspend'], ['qmpause', 'qmsuspend']],
  ['POST', /^status\/resume$/, ['vzresume'], ['qmresume']],
  ['POST', /^snapshot$/, ['vzsnapshot'], ['qmsnapshot']],
  ['POST', /^snapshot\/[^/]+\/rollback$/, ['vzrollback'], ['qmrollback']],
  ['DELETE', /^snapshot\/[^/]+$/, ['vzdelsnapshot'], ['qmdelsnapshot']],
  ['POST', /^clone$/, ['vzclone'], ['qmclone']],
  ['POST', /^migrate$/, ['vzmigrate', 'hamigrate'], ['qmigrate', 'hamigrate']],
  ['POST', /^template$/, ['vztemplate'], ['qmtemplate']],
  ['PUT', /^resize$/, ['resize'], ['resize']],
  ['POST', /^move_(volume|disk)$/, ['move_volume'], ['qmmove']],
  ['POST', /^config$/, [], ['qmconfig']],
  ['DELETE', /^$/, ['vzdestroy'], ['qmdestroy']],
]

/** Below `/nodes/{node}`. */
const onNode: readonly (readonly [method: Request['method'], below: RegExp, types: readonly string[]])[] = [
  ['POST', /^lxc$/, ['vzcreate', 'vzrestore']],
  ['POST', /^qemu$/, ['qmcreate', 'qmrestore']],
  ['POST', /^vzdump$/, ['vzdump']],
  ['POST', /^apt\/update$/, ['aptupdate']],
  ['POST', /^startall$/, ['startall']],
  ['POST', /^stopall$/, ['stopall']],
  ['POST', /^storage\/[^/]+\/download-url$/, ['download']],
  ['DELETE', /^storage\/[^/]+\/content\/.+$/, ['imgdel']],
]

/** Undefined for a write that starts no task. */
export function expectedTask({ method, path, body }: Request): ExpectedTask | undefined {
  const [plain = ''] = path.split('?')
  const [, node, rest = ''] = /^\/nodes\/([^/]+)\/(.+)$/.exec(plain) ?? []
  if (node === undefined) return undefined
  const [guestPath, kind, vmid, below = ''] = /^(lxc|qemu)\/(\d+)(?:\/(.*))?$/.exec(rest) ?? []
  if (guestPath === undefined || vmid === undefined) {
    const types = onNode.find(([verb, pattern]) => verb === method && pattern.test(rest))?.[2]
    return types && { node, types, vmid: vmidIn(body) }
  }
  const row = onGuest.find(([verb, pattern]) => verb === method && pattern.test(below))
  const types = (kind === 'lxc' ? row?.[2] : row?.[3]) ?? []
  if (types.length === 0) return undefined
  return { node, types, vmid }
}

/** The one guest that a body names. */
function vmidIn(body: unknown): string | undefined {
  const vmid = typeof body === 'object' && body !== null && 'vmid' in body ? String(body.vmid) : ''
  return /^\d+$/.test(vmid) ? vmid : undefined
}

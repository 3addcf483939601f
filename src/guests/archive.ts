import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { askAllowed, askProxmox, shown } from '../core/proxmox-ask.ts'
import { disksOf, type GuestDisk } from '../formats/proxmox-disks.ts'
import { contentReply } from '../formats/proxmox-inventory.ts'
import type { ClusterResources, StorageRow } from '../formats/proxmox-resources.ts'
import type { Volume } from '../formats/proxmox-volumes.ts'
import { nearest } from '../lib/nearest.ts'
import { refusal } from './guest-now.ts'

/** A backup by its name: `nas:backup/vzdump-lxc-101-2026_11_21-03_47_57.tar.zst`. */
export interface ArchiveName {
  readonly volid: string
  readonly storage: string
  readonly kind: 'lxc' | 'qemu'
  /** The guest that it is of. */
  readonly vmid: number
}

/** What a volid says of a backup; Proxmox Backup Server names them `pbs:backup/ct/101/2026-11-21T02:30:00Z`. @throws GatewayError invalid_input */
export function archiveName(volid: string): ArchiveName {
  const [, storage, rest = ''] = /^([A-Za-z][\w.-]*):(.+)$/.exec(volid) ?? []
  const [, plain, plainId] = /vzdump-(lxc|qemu)-(\d+)-/.exec(rest) ?? []
  const [, server, serverId] = /^backup\/(?:ns\/.*\/)?(ct|vm)\/(\d+)\//.exec(rest) ?? []
  const vmid = plainId ?? serverId
  if (storage === undefined || vmid === undefined)
    throw refusal(
      `${shown(volid)} is no backup of a guest`,
      'proxmox_storage_content with content: backup has their volids',
    )
  return { volid, storage, kind: plain === 'lxc' || server === 'ct' ? 'lxc' : 'qemu', vmid: Number(vmid) }
}

/** The nodes that see the storage of an archive. @throws GatewayError not_found, unreachable */
export function nodesWith({ storages, nodes }: ClusterResources, name: string): readonly string[] {
  const rows = storages.filter(({ storage }) => storage === name)
  if (rows.length === 0) throw unknownStorage(storages, name)
  // For minutes the storages of a node that is gone are listed as they were.
  const gone = new Set(nodes.filter(({ status }) => status === 'offline').map(({ node }) => node))
  const there = rows.filter(({ status, node }) => status === 'available' && !gone.has(node)).map(({ node }) => node)
  if (there.length > 0) return there
  throw new GatewayError('unreachable', `storage ${name} is available on no node`, {
    hint: 'look at its server, or at the nodes',
  })
}

function unknownStorage(storages: readonly StorageRow[], name: string): GatewayError {
  const known = [...new Set(storages.filter(({ content }) => content.includes('backup')).map(({ storage }) => storage))]
  const close = nearest(name, known)
  const there = known.length === 0 ? 'the token sees no storage for backups' : `backups are on ${known.join(', ')}`
  return new GatewayError('not_found', `no storage ${shown(name)} in this cluster`, {
    hint: close === undefined ? there : `did you mean ${close}? ${there}`,
  })
}

/** An archive and what it says of its guest. */
export interface Archive extends ArchiveName {
  readonly volume: Volume
  /** Empty when the token may not read it. */
  readonly name: string
  readonly disks: readonly GuestDisk[]
  /** A fixed address in it: `192.0.2.5/24`. */
  readonly address?: string | undefined
}

/** Finds an archive as a node sees it, and reads the configuration in it. @throws GatewayError not_found; as proxmoxData */
export async function archiveOn(context: Pick<Context, 'read'>, node: string, named: ArchiveName): Promise<Archive> {
  const { volid, storage, vmid } = named
  const at = `/nodes/${encodeURIComponent(node)}`
  const path = `${at}/storage/${encodeURIComponent(storage)}/content?content=backup&vmid=${vmid}`
  const volumes = await askProxmox(context, path, contentReply)
  const volume = volumes.find((one) => one.volid === volid)
  if (volume === undefined) throw noArchive(volumes, named, node)
  const text = await askAllowed(context, `${at}/vzdump/extractconfig?volume=${encodeURIComponent(volid)}`, z.string())
  const config = text instanceof GatewayError ? {} : configIn(text)
  const net = config['net0'] ?? config['ipconfig0'] ?? ''
  return {
    ...named,
    volume,
    name: config['hostname'] ?? config['name'] ?? '',
    disks: disksOf(config),
    address: /(?:^|,)ip=([0-9.]+\/\d+)/.exec(net)?.[1],
  }
}

function noArchive(volumes: readonly Volume[], { volid, vmid, storage }: ArchiveName, node: string): GatewayError {
  const known = volumes.map((one) => one.volid).toSorted()
  const close = nearest(volid, known)
  const there =
    known.length === 0
      ? `the token sees no backup of ${vmid} there: proxmox_list_backups shows what there is`
      : `there are: ${known.slice(-10).join(', ')}`
  return new GatewayError('not_found', `no backup ${shown(volid)} on ${storage} (${node})`, {
    hint: close === undefined ? there : `did you mean ${close}? ${there}`,
  })
}

/** The keys of a configuration file, up to its first section: `hostname: web`. */
function configIn(text: string): Readonly<Record<string, string>> {
  const lines = text.split('\n')
  const end = lines.findIndex((line) => line.startsWith('['))
  const own = lines.slice(0, end === -1 ? undefined : end).flatMap((line) => {
    const [, key, value] = /^([a-z][\w-]*):\s*(.*)$/.exec(line) ?? []
    return key === undefined || value === undefined ? [] : [[key, value] as const]
  })
  return Object.fromEntries(own)
}

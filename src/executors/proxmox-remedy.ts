import type { Request } from '../core/operation.ts'

/** Built-in roles from few to many privileges, for each first the ones that can be given on any path of its kind (Proxmox VE 9.2, GET /access/roles). */
const roles: readonly (readonly [role: string, privileges: RegExp])[] = [
  ['PVEPoolUser', /^Pool\.Audit$/],
  ['PVETemplateUser', /^VM\.(Audit|Clone)$/],
  ['PVEDatastoreUser', /^Datastore\.(AllocateSpace|Audit)$/],
  ['PVESDNUser', /^SDN\.(Audit|Use)$/],
  ['PVEMappingUser', /^Mapping\.(Audit|Use)$/],
  ['PVEPoolAdmin', /^Pool\.Allocate$/],
  ['PVESDNAdmin', /^SDN\.Allocate$/],
  ['PVEMappingAdmin', /^Mapping\.Modify$/],
  ['PVESysAdmin', /^Sys\.(Console|Syslog)$/],
  ['PVEUserAdmin', /^(Group\.Allocate|Realm\.AllocateUser|User\.Modify)$/],
  ['PVEDatastoreAdmin', /^Datastore\.(Allocate|AllocateTemplate)$/],
  ['PVEAuditor', /^(Sys\.Audit|VM\.GuestAgent\.Audit)$/],
  [
    'PVEVMUser',
    /^VM\.(Backup|Config\.CDROM|Config\.Cloudinit|Console|GuestAgent\.(FileRead|FileSystemMgmt|FileWrite)|PowerMgmt)$/,
  ],
  ['PVEVMAdmin', /^VM\./],
]

/** The smallest built-in role that holds a privilege. */
export const roleWith = (privilege: string): string =>
  roles.find(([, holds]) => holds.test(privilege))?.[0] ?? 'Administrator'

/** What a refusal lacks that names nothing, of the requests that make guests. Source: raise_perm_exc in PVE::API2::LXC and ::Qemu, 9.2. */
export function deniedOf(said: string, { method, path }: Pick<Request, 'method' | 'path'>): string {
  const makesGuest = method === 'POST' && /^\/nodes\/[^/]+\/(lxc|qemu)(\/\d+\/clone)?$/.test(path)
  return makesGuest && /^Permission check failed\.?$/.test(said) ? 'Permission check failed (/vms, VM.Allocate)' : said
}

/**
 * What grants the privilege that a 403 names: `Permission check failed (/vms/102, VM.PowerMgmt)`; undefined when it names none.
 * A token with privilege separation may do only what its user may as well (Proxmox VE, User Management).
 */
export function remedyOf(said: string, asker: string | undefined): string | undefined {
  const [, path, listed = ''] = /^Permission check failed \((\/[\w./-]*), ([\w.|]+)\)/.exec(said) ?? []
  const [privilege] = listed.split('|')
  if (path === undefined || privilege === undefined) return undefined
  const to = (who: string) => `pveum acl modify ${path} ${who} --roles ${roleWith(privilege)}`
  if (asker === undefined) return undefined
  const [user = '', name] = asker.split('!')
  if (name === undefined) return to(`--users '${user}'`)
  return `${to(`--tokens '${asker}'`)} (with privilege separation the user needs it too: ${to(`--users '${user}'`)})`
}

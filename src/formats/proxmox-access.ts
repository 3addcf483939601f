import { z } from 'zod'

const number = z.coerce.number()
const text = z.string().nullish()

/** `data` of `GET /pools`. */
export const poolsReply = z.array(z.object({ poolid: z.string(), comment: text }))

const member = z.object({
  type: z.string().optional(),
  vmid: number.optional(),
  name: text,
  status: text,
  storage: text,
  node: text,
})

/** `data` of `GET /pools/{poolid}`. */
export const poolReply = z.object({ comment: text, members: z.array(member).nullish() })

/** The members of a pool as text: `101 web01, 102 db01 (stopped)`. */
export function poolMembers({ members }: z.output<typeof poolReply>) {
  const all = members ?? []
  const guests = all.filter(({ vmid }) => vmid !== undefined).toSorted((a, b) => (a.vmid ?? 0) - (b.vmid ?? 0))
  const line = ({ vmid, name, status }: z.output<typeof member>) =>
    `${vmid} ${name ?? ''}${status && status !== 'running' ? ` (${status})` : ''}`
  return {
    count: guests.length,
    guests: guests.map(line).join(', '),
    storages: [...new Set(all.flatMap(({ storage }) => storage ?? []))].toSorted().join(', '),
  }
}

const token = z.object({ tokenid: z.string(), privsep: number.nullish(), expire: number.nullish(), comment: text })

/** `data` of `GET /access/users?full=1`. `keys` only tells whether a second factor is there: it may be a secret of old versions. */
export const usersReply = z.array(
  z.object({
    userid: z.string(),
    enable: number.nullish(),
    expire: number.nullish(),
    comment: text,
    groups: text,
    keys: text.transform((keys) => Boolean(keys)),
    'totp-locked': number.nullish(),
    tokens: z.array(token).nullish(),
  }),
)

type Privileges = Readonly<Record<string, Readonly<Record<string, number>>>>

/** Privileges in one line, by noun: `Sys: Audit; VM: Audit PowerMgmt`. */
export function byNoun(privileges: readonly string[]): string {
  const nouns = new Map<string, string[]>()
  for (const privilege of privileges.toSorted()) {
    const cut = privilege.indexOf('.')
    const noun = privilege.slice(0, cut)
    nouns.set(noun, [...(nouns.get(noun) ?? []), privilege.slice(cut + 1)])
  }
  return [...nouns].map(([noun, verbs]) => `${noun}: ${verbs.join(' ')}`).join('; ')
}

/** Paths that hold the same privileges in one row; those that are as their parent already tells are left out. */
export function foldedPermissions(held: Privileges): readonly { readonly paths: string; readonly may: string }[] {
  const lines = new Map(
    Object.entries(held).map(([path, privileges]) => {
      const here = Object.keys(privileges)
      const onlyHere = here.filter((name) => privileges[name] !== 1)
      const note = onlyHere.length === 0 ? '' : ` (not below: ${onlyHere.join(' ')})`
      return [path, byNoun(here) + note]
    }),
  )
  const rows = new Map<string, string[]>()
  for (const [path, may] of [...lines].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const isAsAbove = parentsOf(path).some((parent) => lines.get(parent) === may && !may.includes('not below'))
    if (!isAsAbove && may !== '') rows.set(may, [...(rows.get(may) ?? []), path])
  }
  return [...rows].map(([may, paths]) => ({ paths: paths.join(' '), may }))
}

const parentsOf = (path: string): readonly string[] => {
  const parts = path.split('/').filter((part) => part !== '')
  return path === '/' ? [] : ['/', ...parts.slice(0, -1).map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)]
}

interface Need {
  readonly to: string
  readonly needs: readonly (readonly [privilege: string, path: string])[]
  /** The roles that hold them, and where. */
  readonly grants: readonly (readonly [role: string, path: string])[]
}

/** What tools of ours need (Proxmox VE 9.2, User Management). */
const needs: readonly Need[] = [
  {
    to: 'read everything',
    needs: [
      ['VM.Audit', '/vms'],
      ['Sys.Audit', '/'],
      ['Datastore.Audit', '/storage'],
      ['Pool.Audit', '/pool'],
    ],
    grants: [['PVEAuditor', '/']],
  },
  { to: 'start and stop guests', needs: [['VM.PowerMgmt', '/vms']], grants: [['PVEVMUser', '/vms']] },
  {
    to: 'snapshots',
    needs: [
      ['VM.Snapshot', '/vms'],
      ['VM.Snapshot.Rollback', '/vms'],
    ],
    grants: [['PVEVMAdmin', '/vms']],
  },
  {
    to: 'back up guests',
    needs: [
      ['VM.Backup', '/vms'],
      ['Datastore.AllocateSpace', '/storage'],
    ],
    grants: [
      ['PVEVMUser', '/vms'],
      ['PVEDatastoreUser', '/storage'],
    ],
  },
  {
    to: 'create, change, delete guests',
    needs: [
      ['VM.Allocate', '/vms'],
      ['VM.Config.Disk', '/vms'],
      ['Datastore.AllocateSpace', '/storage'],
      ['SDN.Use', '/sdn'],
    ],
    grants: [
      ['PVEVMAdmin', '/vms'],
      ['PVEDatastoreUser', '/storage'],
      ['PVESDNUser', '/sdn'],
    ],
  },
  { to: 'migrate guests', needs: [['VM.Migrate', '/vms']], grants: [['PVEVMAdmin', '/vms']] },
]

/** What is lacking for typical work, and the commands that grant it to the token. */
export function lacking(held: Privileges) {
  const holds = (privilege: string, path: string) =>
    held['/']?.[privilege] === 1 || held[path]?.[privilege] === 1 || (path === '/' && held['/']?.[privilege] === 0)
  return needs.flatMap(({ to, needs: wanted, grants }) => {
    const lacks = wanted.filter(([privilege, path]) => !holds(privilege, path))
    if (lacks.length === 0) return []
    const elsewhere = Object.entries(held).filter(([, privileges]) => lacks.some(([name]) => name in privileges))
    const on = elsewhere.slice(0, 5).map(([path]) => path)
    return [
      {
        to,
        lacks: lacks.map(([privilege, path]) => `${privilege} on ${path}`).join(', '),
        in_part_on: on.join(' '),
        grant: grants.map(([role, path]) => `pveum acl modify ${path} --tokens 'TOKENID' --roles ${role}`).join('; '),
      },
    ]
  })
}

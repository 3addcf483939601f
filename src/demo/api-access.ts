import type { Caller, Privileges } from './access.ts'
import { ApiError } from './api-error.ts'
import { type Call, everybody, isSet, type Method, may, poolOf, text } from './method.ts'
import { roles } from './roles.ts'

/** Users, permissions and tickets. */
export const accessMethods: readonly Method[] = [
  { method: 'GET', path: '/access/users', permissions: everybody, answer: users },
  { method: 'GET', path: '/access/acl', permissions: everybody, answer: acls },
  { method: 'GET', path: '/access/roles', permissions: everybody, answer: allRoles },
  { method: 'GET', path: '/access/permissions', permissions: everybody, answer: permissions },
  { method: 'POST', path: '/access/ticket', permissions: { user: 'world' }, refusesTokens: true, answer: ticket },
]

function users(call: Call) {
  const seesAll = may(call, '/access/groups', 'User.Modify') || may(call, '/access/groups', 'Sys.Audit')
  const seen = call.world.access.users.filter(({ id }) => seesAll || id === call.caller.user)
  const data = seen.map(({ id, comment, email, enabled }) => ({
    userid: id,
    comment,
    email,
    enable: enabled === false ? 0 : 1,
    expire: 0,
    'realm-type': id.split('@')[1],
    ...(isSet(call, 'full') && { groups: '', tokens: tokensOf(call, id) }),
  }))
  return { data }
}

function tokensOf({ world }: Call, user: string) {
  const own = world.access.tokens.filter(({ id }) => id.startsWith(`${user}!`))
  return own.map(({ id, privsep, expire = 0, comment }) => {
    return { tokenid: id.slice(user.length + 1), privsep: privsep ? 1 : 0, expire, comment }
  })
}

function acls(call: Call) {
  const seesAll = may(call, '/access', 'Sys.Audit')
  const seen = call.world.access.acls.filter(({ path }) => seesAll || may(call, path, 'Permissions.Modify'))
  const data = seen.map(({ path, to, role, propagate }) => ({
    path,
    type: to.includes('!') ? 'token' : 'user',
    ugid: to,
    roleid: role,
    propagate: propagate === false ? 0 : 1,
  }))
  return { data }
}

function allRoles({ world }: Call) {
  const special = (name: string) => (name in roles ? 1 : 0)
  const entries = Object.entries(world.access.roles)
  return { data: entries.map(([roleid, privs]) => ({ roleid, privs: privs.join(','), special: special(roleid) })) }
}

const roots = ['/', '/access', '/access/groups', '/nodes', '/pool', '/sdn', '/storage', '/vms']

function permissions(call: Call) {
  const { world } = call
  const caller = someoneElse(call) ?? call.caller
  const only = text(call, 'path')
  const pooled = world.guests().filter(({ pool }) => pool !== undefined)
  const paths = [...roots, ...world.access.acls.map(({ path }) => path), ...pooled.map(({ vmid }) => `/vms/${vmid}`)]
  const entries = [...new Set(only === undefined ? paths : [only])].map((path): readonly [string, Privileges] => [
    path,
    world.access.privileges(caller, path, poolOf(world, path)),
  ])
  const held = entries.filter(([path, { size }]) => size > 0 || path === only)
  return { data: Object.fromEntries(held.map(([path, privileges]) => [path, numbers(privileges)])) }
}

/** Whose permissions are asked for, when it is not the caller: that needs Sys.Audit on /access. */
function someoneElse(call: Call): Caller | undefined {
  const id = text(call, 'userid')
  if (id === undefined || id === call.caller.id) return undefined
  if (!may(call, '/access', 'Sys.Audit')) throw new ApiError(403, 'Permission check failed (/access, Sys.Audit)')
  const [user = ''] = id.split('!')
  return { id, user, token: call.world.access.tokens.find((token) => token.id === id) }
}

const numbers = (privileges: Privileges) =>
  Object.fromEntries([...privileges].map(([name, propagates]) => [name, propagates ? 1 : 0]))

function ticket(call: Call) {
  const { world } = call
  const name = text(call, 'username') ?? ''
  const user = name.includes('@') ? name : `${name}@${text(call, 'realm') ?? 'pam'}`
  const caller = world.access.byPassword(user, text(call, 'password') ?? '', world.now())
  if (caller === undefined) throw new ApiError(401, 'authentication failure')
  const { ticket: fresh, csrf } = world.access.newTicket(user, world.now())
  const cap = capabilities(call, caller)
  return { data: { username: user, ticket: fresh, CSRFPreventionToken: csrf, clustername: world.name, cap } }
}

const kinds: Readonly<Record<string, readonly [string, RegExp]>> = {
  vms: ['/vms', /^VM\.|^Permissions/],
  storage: ['/storage', /^Datastore\.|^Permissions/],
  nodes: ['/nodes', /^Sys\.|^Permissions/],
  access: ['/access', /^(User|Group|Permissions)/],
  dc: ['/', /^Sys\.(Audit|Modify)|^SDN/],
  sdn: ['/sdn', /^SDN|^Permissions/],
  mapping: ['/mapping', /^Mapping|^Permissions/],
}

const capabilities = ({ world }: Call, caller: Caller) =>
  Object.fromEntries(
    Object.entries(kinds).map(([kind, [path, wanted]]) => {
      const held = [...world.access.privileges(caller, path).keys()].filter((name) => wanted.test(name))
      return [kind, Object.fromEntries(held.map((name) => [name, 1]))]
    }),
  )

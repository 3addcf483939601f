import { z } from 'zod'
import { askProxmox } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { usersReply } from '../formats/proxmox-access.ts'
import { oneLine } from '../formats/proxmox-volumes.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'proxmox_list_users',
  description: 'Users and API tokens of a Proxmox cluster: enabled, expiry, second factor. Never secrets.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  input: z.object({}),
  output: z.object({
    users: z.array(
      z.object({
        id: z.string(),
        state: z.string(),
        expires: z.string().optional(),
        second_factor: z.string().optional(),
        groups: z.string().optional(),
        comment: z.string().optional(),
      }),
    ),
    note: z.string().optional(),
  }),
  async run(_input, context) {
    const users = await askProxmox(context, '/access/users?full=1', usersReply)
    const rows = users
      .toSorted((a, b) => (a.userid < b.userid ? -1 : 1))
      .flatMap((user) => [userRow(user, context.now), ...tokenRows(user, context.now)])
    const note =
      users.length <= 1
        ? 'a token without Sys.Audit on /access/groups (role PVEAuditor) sees its own user alone'
        : undefined
    return withoutEmpty({ users: withoutEmptyColumns(rows), note })
  },
})

type User = z.output<typeof usersReply>[number]

const userRow = (user: User, now: Date) => ({
  id: user.userid,
  state: user.enable === 0 ? 'disabled' : isOver(user.expire, now) ? 'expired' : 'enabled',
  expires: expiry(user.expire, now),
  second_factor: user['totp-locked'] === 1 ? 'locked' : user.keys ? 'yes' : '',
  groups: oneLine(user.groups ?? ''),
  comment: oneLine(user.comment ?? ''),
})

const tokenRows = ({ userid, tokens }: User, now: Date) =>
  (tokens ?? []).map(({ tokenid, privsep, expire, comment }) => ({
    id: `${userid}!${tokenid}`,
    state: isOver(expire, now) ? 'expired' : privsep === 0 ? 'token, all rights of its user' : 'token, own rights only',
    expires: expiry(expire, now),
    second_factor: '',
    groups: '',
    comment: oneLine(comment ?? ''),
  }))

const isOver = (expire: number | null | undefined, now: Date): boolean =>
  Boolean(expire) && Number(expire) * 1000 <= now.getTime()

/** `in 12d`, `3h ago`; nothing when it never does. */
function expiry(expire: number | null | undefined, now: Date): string {
  if (!expire) return ''
  const at = new Date(expire * 1000)
  return at > now ? `in ${ageOf(now, at)}` : `${ageOf(at, now)} ago`
}

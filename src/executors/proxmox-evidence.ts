import { z } from 'zod'
import type { Request } from '../core/operation.ts'
import { contentReply } from '../formats/proxmox-inventory.ts'
import { snapshotsReply } from '../formats/proxmox-snapshots.ts'
import { configWrite, judgeWrite, valuesOf } from './proxmox-config-write.ts'

/** One answer to a read; `gone`: the API says that there is no such guest. */
export interface Answer {
  readonly status: number
  readonly data: unknown
  readonly gone: boolean
}

/** When the write was sent and when the answers came, seconds since 1970 of the cluster's clock. */
export interface Times {
  readonly sent: number
  readonly now: number
}

/** What the state of things tells of a write: it is as the write would have it, as it was before, or something else, which is said. */
export type Verdict = 'as wanted' | 'as before' | { readonly otherwise: string }

/** What tells by its state whether a write was done of which no task tells. */
export interface Evidence {
  readonly paths: readonly string[]
  judge(answers: readonly Answer[], times: Times): Verdict
}

/** The state that tells of a write; undefined where only its task could: a rollback. */
export function evidenceOf(request: Request): Evidence | undefined {
  const [path = ''] = request.path.split('?')
  for (const [method, pattern, make] of rows) {
    const match = request.method === method ? pattern.exec(path) : null
    if (match !== null) return make({ request, match, body: valuesOf(request.body) })
  }
  return undefined
}

interface Sent {
  readonly request: Request
  /** The whole path; `/nodes/{node}` or the path of the guest; what stands in brackets below. */
  readonly match: readonly string[]
  readonly body: Readonly<Record<string, string>>
}

type Row = readonly [Request['method'], RegExp, (sent: Sent) => Evidence | undefined]

const onGuest = (below: string): RegExp => new RegExp(`^(/nodes/[^/]+/(?:lxc|qemu)/\\d+)${below}$`)

const rows: readonly Row[] = [
  ['POST', onGuest('/status/(start|stop|shutdown|reboot|reset)'), power],
  ['POST', onGuest('/snapshot'), snapshotMade],
  ['DELETE', onGuest('/snapshot/([^/]+)'), snapshotDeleted],
  ['PUT', onGuest('/config'), configured],
  ['POST', onGuest('/config'), configured],
  ['PUT', onGuest('/resize'), resized],
  ['POST', onGuest('/template'), converted],
  ['POST', onGuest('/migrate'), migrated],
  ['POST', onGuest('/clone'), cloned],
  ['DELETE', onGuest(''), deleted],
  ['POST', /^(\/nodes\/[^/]+)\/(lxc|qemu)$/, created],
  ['POST', /^(\/nodes\/[^/]+)\/vzdump$/, backedUp],
]

const otherwise = (what: string): Verdict => ({ otherwise: what })
const unread = otherwise('it cannot be read')

/** One read, its data in this shape. */
function oneRead<S extends z.ZodType>(
  path: string,
  schema: S,
  judge: (data: z.output<S>, times: Times) => Verdict,
): Evidence {
  return {
    paths: [path],
    judge([answer], times) {
      const parsed = schema.safeParse(answer?.data)
      return answer?.status === 200 && parsed.success ? judge(parsed.data, times) : unread
    },
  }
}

const statusReply = z.object({
  status: z.string(),
  uptime: z.coerce.number().default(0),
  template: z.coerce.number().optional(),
})

/** Whether it is so because of us nobody can tell; that it is not so tells enough. */
function power({ match: [, guest = '', action = ''] }: Sent): Evidence {
  return oneRead(`${guest}/status/current`, statusReply, ({ status, uptime }, { sent, now }) =>
    isUntouched(action, status, uptime - (now - sent)) ? 'as before' : otherwise(`yet the guest is ${status}`),
  )
}

const toleranceS = 2

/** Whether the guest is as it would be without the action; `upBefore`: seconds that it ran before the action. */
function isUntouched(action: string, status: string, upBefore: number): boolean {
  if (action === 'start') return status === 'stopped'
  if (action === 'stop' || action === 'shutdown') return status === 'running'
  return status === 'running' && upBefore > toleranceS
}

function snapshotMade({ match: [, guest], body }: Sent): Evidence | undefined {
  const { snapname, description = '' } = body
  if (snapname === undefined) return undefined
  return oneRead(`${guest}/snapshot`, snapshotsReply, (list, { sent }) => {
    const found = list.find(({ name }) => name === snapname)
    if (found === undefined) return 'as before'
    const isOurs = (found.description ?? '').trim() === description.trim() && (found.snaptime ?? 0) >= sent - toleranceS
    return isOurs ? 'as wanted' : otherwise(`and the snapshot ${snapname} that is there is an older or another one`)
  })
}

function snapshotDeleted({ match: [, guest, encoded = ''] }: Sent): Evidence {
  const snapshot = decodeURIComponent(encoded)
  return oneRead(`${guest}/snapshot`, snapshotsReply, (list) =>
    list.some(({ name }) => name === snapshot) ? 'as before' : 'as wanted',
  )
}

const configReply = z.record(z.string(), z.unknown())

function configured({ request, match: [, guest], body }: Sent): Evidence | undefined {
  const write = configWrite(request)
  if (write === undefined) return request.method === 'POST' ? settled(`${guest}/config`, body) : undefined
  return oneRead(write.configPath, configReply, (config) => {
    const found = judgeWrite(write, config)
    if (found === 'as wanted') return found
    if (found === 'unchanged') return 'as before'
    return otherwise('and the configuration was changed otherwise meanwhile')
  })
}

/** Without a digest its values tell, and only where all or none of them are there. */
function settled(path: string, wanted: Sent['body']): Evidence | undefined {
  if (wanted['delete'] !== undefined) return undefined
  return oneRead(path, configReply, (config) => {
    const there = Object.entries(wanted).map(([key, value]) => String(config[key] ?? '').trimEnd() === value.trimEnd())
    if (!there.includes(false)) return 'as wanted'
    return there.includes(true) ? otherwise('and some of its settings are as wanted') : 'as before'
  })
}

/** A disk only grows: it has its new size, or it was not done. */
function resized({ match: [, guest], body }: Sent): Evidence | undefined {
  const { disk, size, digest } = body
  const wanted = bytesOf(size)
  if (disk === undefined || wanted === undefined) return undefined
  return oneRead(`${guest}/config`, configReply, (config) => {
    const value = String(config[disk] ?? '')
    if (bytesOf(/(?:^|,)size=([^,]+)/.exec(value)?.[1]) === wanted)
      return config['digest'] === digest ? otherwise(`yet ${disk} has ${size}, as before`) : 'as wanted'
    return digest === undefined || config['digest'] === digest
      ? 'as before'
      : otherwise(`and the configuration was changed meanwhile: ${disk} is ${value || 'gone'}`)
  })
}

/** `32G` → bytes; undefined for what is added to an unknown size. */
function bytesOf(size: string | undefined): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(size ?? '') ?? []
  return number === undefined ? undefined : Number(number) * 1024 ** ['', 'K', 'M', 'G', 'T'].indexOf(unit)
}

function converted({ match: [, guest] }: Sent): Evidence {
  return oneRead(`${guest}/status/current`, statusReply, ({ template }) => (template === 1 ? 'as wanted' : 'as before'))
}

/** On which node it is now. */
function migrated({ match: [, guest = ''], body }: Sent): Evidence | undefined {
  const { target } = body
  if (target === undefined) return undefined
  const there = guest.replace(/^\/nodes\/[^/]+/, `/nodes/${encodeURIComponent(target)}`)
  return {
    paths: [`${there}/config`, `${guest}/config`],
    judge([to, from]) {
      if (to?.status === 200 && from?.gone === true)
        return lockOf(to) === undefined ? 'as wanted' : otherwise(`and it is locked (${lockOf(to)}) on ${target}`)
      if (to?.gone === true && from?.status === 200)
        return lockOf(from) === undefined ? 'as before' : otherwise(`and it is locked (${lockOf(from)})`)
      return otherwise('and on which node it is cannot be read')
    },
  }
}

function lockOf(answer: Answer): string | undefined {
  const parsed = configReply.safeParse(answer.data)
  return parsed.success && parsed.data['lock'] !== undefined ? String(parsed.data['lock']) : undefined
}

function cloned({ match: [, guest = ''], body }: Sent): Evidence | undefined {
  const [, node = '', kind = ''] = /^\/nodes\/([^/]+)\/(lxc|qemu)/.exec(guest) ?? []
  return isThere(`/nodes/${body['target'] === undefined ? node : encodeURIComponent(body['target'])}`, kind, {
    vmid: body['newid'],
    name: body[nameKey(kind)],
  })
}

function created({ match: [, node = '', kind = ''], body }: Sent): Evidence | undefined {
  // What is restored over a guest has its name before and after.
  if (isYes(body['force'])) return undefined
  return isThere(node, kind, { vmid: body['vmid'], name: body[nameKey(kind)] })
}

const nameKey = (kind: string): string => (kind === 'lxc' ? 'hostname' : 'name')
const isYes = (value: string | undefined): boolean => value === '1' || value === 'true'

/** Whether a new guest is there, whole, and by its name ours: the number alone may be somebody else's. */
function isThere(
  node: string,
  kind: string,
  { vmid, name }: { readonly vmid: string | undefined; readonly name: string | undefined },
): Evidence | undefined {
  if (vmid === undefined) return undefined
  return {
    paths: [`${node}/${kind}/${vmid}/config`],
    judge([answer]) {
      if (answer?.gone === true) return 'as before'
      const parsed = configReply.safeParse(answer?.data)
      if (answer?.status !== 200 || !parsed.success) return unread
      const { [nameKey(kind)]: found, lock } = parsed.data
      if (lock !== undefined) return otherwise(`and there is a guest ${vmid} that is locked (${String(lock)})`)
      return name !== undefined && found === name
        ? 'as wanted'
        : otherwise(`yet there is a guest ${vmid}, named ${String(found)}`)
    },
  }
}

const guestsReply = z.array(z.object({ vmid: z.coerce.number().optional(), node: z.string().optional() }))

/** Gone from its node, and on no other. */
function deleted({ match: [, guest = ''] }: Sent): Evidence {
  const vmid = Number(guest.slice(guest.lastIndexOf('/') + 1))
  return {
    paths: [`${guest}/config`, '/cluster/resources?type=vm'],
    judge([config, all]) {
      if (config?.status === 200) return 'as before'
      const listed = guestsReply.safeParse(all?.data)
      if (config?.gone !== true || all?.status !== 200 || !listed.success) return unread
      const elsewhere = listed.data.find((one) => one.vmid === vmid && !guest.startsWith(`/nodes/${one.node}/`))
      return elsewhere === undefined ? 'as wanted' : otherwise(`and it is on ${elsewhere.node} now`)
    },
  }
}

/** A backup of the guest that was begun since. */
function backedUp({ match: [, node = ''], body }: Sent): Evidence | undefined {
  const { vmid = '', storage } = body
  if (storage === undefined || !/^\d+$/.test(vmid)) return undefined
  const path = `${node}/storage/${encodeURIComponent(storage)}/content?content=backup&vmid=${vmid}`
  return oneRead(path, contentReply, (volumes, { sent }) =>
    volumes.some(({ ctime = 0, vmid: of }) => ctime >= sent - toleranceS && (of === undefined || String(of) === vmid))
      ? 'as wanted'
      : 'as before',
  )
}

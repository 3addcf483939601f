import { parseArgs } from 'node:util'
import { GatewayError } from '../core/errors.ts'
import type { Operation } from '../core/operation.ts'
import type { Step, TargetPlan, Until } from '../core/plan.ts'
import { approvers, mayApprove } from '../core/policy-terms.ts'
import type { Approval } from '../core/ports.ts'
import { sha256 } from '../lib/digest.ts'
import type { CliCommand, World } from './command.ts'

const usage = `tailops approvals list [--all] [--json]
tailops approvals approve ID
tailops approvals deny ID [--yes]

approve shows the whole plan and asks for the code under it; it needs a terminal, so that a person reads it. list shows
what waits or may be used; --all also what is past.`

const approvals: CliCommand = {
  usage,
  async run([verb, ...args], world) {
    const flag = { type: 'boolean', default: false } as const
    if (verb === 'list') {
      const { values } = parseArgs({ args: [...args], options: { json: flag, all: flag } })
      return list(world, values)
    }
    if (verb !== 'approve' && verb !== 'deny') {
      return misused(world, verb === undefined ? 'say what to do' : `no such action: ${JSON.stringify(verb)}`)
    }
    const options = verb === 'deny' ? { yes: flag } : {}
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const [id, ...more] = positionals
    if (id === undefined || more.length > 0) return misused(world, `${verb} takes one approval id`)
    const approval = pending(world, id)
    return verb === 'approve' ? await approve(world, approval) : await deny(world, approval, values.yes === true)
  },
}

export default approvals

function list(world: World, { all, json }: { readonly all: boolean; readonly json: boolean }): number {
  const { approvals: store } = world.stores()
  const found = store.list({ limit: 1000 }).filter(({ state }) => all || state === 'pending' || state === 'approved')
  const { out } = world.terminal
  if (json) {
    out(`${JSON.stringify(found)}\n`)
    return 0
  }
  for (const { id, state, expiresAt, caller, tool, risk, plans } of found) {
    const until = `until ${expiresAt.toISOString().slice(11, 16)}Z`
    const what = plans.map(({ target, plan }) => `${target}: ${plan.summary}`).join('; ')
    out(`${id}  ${state.padEnd(8)}  ${until}  ${visible(caller)}  ${visible(tool)} (${risk})  ${visible(what)}\n`)
  }
  if (found.length === 0) out('nothing waits for approval\n')
  return 0
}

function pending(world: World, id: string): Approval {
  const approval = world.stores().approvals.find(id)
  const hint = '`tailops approvals list --all` shows them'
  if (approval === undefined) throw new GatewayError('not_found', `there is no approval ${visible(id)}`, { hint })
  if (approval.state === 'pending') return approval
  throw new GatewayError('approval_invalid', `${id} is ${approval.state}, no longer pending`, { hint })
}

async function approve(world: World, approval: Approval): Promise<number> {
  const { terminal } = world
  if (!terminal.interactive) {
    terminal.err('tailops approvals: approving needs a person at a terminal; stdin or stderr is none\n')
    return 1
  }
  if (!mayApprove(approval.terms ?? [], world.user)) {
    const who = approvers(approval.terms ?? [])
    terminal.err(`tailops approvals: ${world.user} may not approve it; policy asks for ${who}\n`)
    return 1
  }
  const code = codeOf(approval)
  terminal.err(`${inFull(approval)}\nTo approve exactly this, type the code ${code}.\n`)
  const typed = await terminal.ask('code: ')
  if (typed.trim().toUpperCase() !== code) {
    terminal.err('that is not the code; nothing was approved\n')
    return 1
  }
  await decide(world, approval, 'approved')
  const now = world.stores().approvals.find(approval.id)
  terminal.out(
    `${approval.id} is approved; it can be used once, until ${now?.expiresAt.toISOString() ?? 'it expires'}\n`,
  )
  return 0
}

async function deny(world: World, approval: Approval, isSure: boolean): Promise<number> {
  const { terminal } = world
  if (!isSure && !terminal.interactive) {
    terminal.err('tailops approvals: without a terminal to ask at, deny needs --yes\n')
    return 1
  }
  const answer = isSure ? 'y' : await terminal.ask(`${inFull(approval)}\nDeny it? [y/N] `)
  if (!/^y(es)?$/i.test(answer.trim())) {
    terminal.err('nothing was decided\n')
    return 1
  }
  await decide(world, approval, 'denied')
  terminal.out(`${approval.id} is denied\n`)
  return 0
}

/** The record comes first: nothing is approved that the log does not know of. */
async function decide(world: World, approval: Approval, decision: 'approved' | 'denied'): Promise<void> {
  const { audit, approvals: store } = world.stores()
  await audit.append(recordOf(world, approval, `${decision} for ${approval.caller}`), { durable: true })
  try {
    store.decide(approval.id, decision, world.user)
  } catch (error) {
    const why = `not ${decision} after all: ${GatewayError.from(error).message}`
    await audit.append(recordOf(world, approval, why), { durable: true })
    throw error
  }
}

const recordOf = (world: World, { id, tool, plans, risk, digest }: Approval, reason: string) =>
  ({
    at: world.now().toISOString(),
    call: id,
    event: 'approval',
    caller: world.user,
    tool,
    targets: plans.map(({ target }) => target),
    risk,
    plan: digest,
    approval: id,
    reason,
  }) as const

/** Four letters without look-alikes that only this id with this digest gives. */
function codeOf({ id, digest }: Approval): string {
  const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ'
  const bytes = Buffer.from(sha256(`${id}:${digest}`), 'hex').subarray(0, 4)
  return [...bytes].map((byte) => letters[byte % letters.length]).join('')
}

function inFull(approval: Approval): string {
  const by = approvers(approval.terms ?? [])
  const head = [
    `Approval ${approval.id}`,
    `  asked by  ${visible(approval.caller)}, ${approval.createdAt.toISOString()}`,
    `  tool      ${visible(approval.tool)} (${approval.risk})`,
    `  digest    ${approval.digest}`,
    ...(by === undefined ? [] : [`  approver  ${by}`]),
  ]
  return [...head, ...approval.plans.flatMap(planLines)].join('\n')
}

function planLines({ target, plan }: TargetPlan): readonly string[] {
  const basis = Object.entries(plan.basis).map(
    ([key, value]) => `    ${visible(key)} = ${visible(JSON.stringify(value))}`,
  )
  return [
    '',
    `On ${visible(target)}: ${visible(plan.summary)}`,
    ...(basis.length === 0 ? [] : ['  relying on', ...basis]),
    ...plan.steps.flatMap(stepLines),
    ...(plan.preview === undefined ? [] : ['  preview', ...quoted(plan.preview)]),
  ]
}

function stepLines(step: Step, index: number): readonly string[] {
  const { do: act, undo, undoUntil, undoesLater, until, interruptible } = step
  return [
    ...operationLines(`  ${index + 1}. `, act),
    ...(undo === undefined ? [] : operationLines('     undo ', undo)),
    ...(undo === undefined ? [] : untilLines(undoUntil)),
    ...(undoesLater === true ? ['     which takes back the later steps as well'] : []),
    ...untilLines(until),
    ...(interruptible === true ? ['     may be stopped half-way'] : []),
  ]
}

const untilLines = (until: Until | undefined): readonly string[] =>
  until === undefined
    ? []
    : [
        `     until ${visible(until.path)} is ${visible(JSON.stringify(until.equals))} within ${until.withinMs} ms, read by`,
        ...operationLines('          ', until.read),
      ]

function operationLines(before: string, operation: Operation): readonly string[] {
  const asRoot = operation.asRoot === true ? 'as root: ' : ''
  const carrier = operation.on === undefined ? '' : ` (through ${visible(operation.on)})`
  const limit = operation.timeoutMs === undefined ? '' : ` (at most ${operation.timeoutMs} ms)`
  const input = operation.stdin === undefined ? [] : ['       with this on standard input', ...quoted(operation.stdin)]
  return [`${before}${asRoot}${visible(actOf(operation))}${carrier}${limit}`, ...input]
}

/** The act alone, every argument in quotes. */
function actOf(operation: Operation): string {
  switch (operation.kind) {
    case 'command':
      return operation.argv.map((part) => JSON.stringify(part)).join(' ')
    case 'script':
      return [`script ${operation.name}`, ...operation.args.map((part) => JSON.stringify(part))].join(' ')
    case 'request': {
      const body = operation.body === undefined ? '' : ` ${JSON.stringify(operation.body)}`
      return `${operation.method} ${operation.path}${body}`
    }
  }
}

/** Text of others, each line marked as such, so that it cannot pass for a line of ours. */
const quoted = (text: string): readonly string[] => text.split('\n').map((line) => `    | ${visible(line)}`)

/** What could move the cursor, reorder or hide text is shown as its code. */
const visible = (text: string): string =>
  text.replaceAll(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`
  })

function misused({ terminal }: World, what: string): number {
  terminal.err(`tailops approvals: ${what}\n\n${usage}\n`)
  return 2
}

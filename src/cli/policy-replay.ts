import { capabilities, expandCapabilities } from '../core/capability.ts'
import { GatewayError } from '../core/errors.ts'
import { type Decision, decide } from '../core/policy.ts'
import { questionOf } from '../core/policy-question.ts'
import { asksForGuest, rulesFor } from '../core/policy-rules.ts'
import type { AuditRecord } from '../core/ports.ts'
import type { Caller, Target } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'
import { guestTargets } from '../fleet/guest-targets.ts'
import type { Stores, World } from './command.ts'
import { type PolicyAtHand, policyAtHand } from './policy-files.ts'

/** A call of the log as it was decided, and as it would be. */
interface Replayed {
  readonly seq: number
  readonly at: string
  readonly call: string
  readonly caller: string
  readonly tool: string
  readonly targets: readonly string[]
  readonly was: string
  readonly now: string
}

interface Report {
  readonly calls: number
  readonly same: number
  readonly differ: readonly Replayed[]
  /** Why some calls cannot be told, and how many. */
  readonly unknown: Readonly<Record<string, number>>
}

/** Asks a policy about the newest calls of the audit log. @throws GatewayError */
export function replayPolicy(
  world: World,
  {
    policy,
    limit: text = '1000',
    json,
  }: { readonly policy?: string | undefined; readonly limit?: string | undefined; readonly json: boolean },
): number {
  const limit = Number(text)
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new GatewayError('invalid_input', `--limit=${text} is no count`, { hint: 'write a whole number' })
  const report = reportOf(world, policyAtHand(world, policy), limit)
  world.terminal.out(json ? `${JSON.stringify(report)}\n` : inWords(report))
  return 0
}

function reportOf(world: World, hand: PolicyAtHand, limit: number): Report {
  const stores = world.stores()
  const configured = hand.targets.map((target) => ({ ...target }))
  const targets = [...configured, ...guestTargets(configured, stores.fleet.resources())]
  const calls = endedCalls(stores, limit)
  const ends = calls.map((record) => ({ record, end: replay({ ...hand, targets }, stores, record) }))
  const unknown: Record<string, number> = {}
  for (const { end } of ends) if (typeof end === 'string') unknown[end] = (unknown[end] ?? 0) + 1
  const told = ends.flatMap(({ end }) => (typeof end === 'string' ? [] : [end]))
  return {
    calls: calls.length,
    same: told.filter(({ was, now }) => effectsIn(was) === effectsIn(now)).length,
    differ: told.filter(({ was, now }) => effectsIn(was) !== effectsIn(now)),
    unknown,
  }
}

type Numbered = AuditRecord & { readonly seq: number }

/** The newest calls that were decided. A call has several records: the search goes further back while too few are found. */
function endedCalls({ audit }: Stores, limit: number): readonly Numbered[] {
  for (let looked = limit * 4; ; looked *= 4) {
    const records = audit.tail({ limit: looked })
    const ended = records.filter(
      ({ event, tool, decision }) => event === 'finished' && tool !== undefined && decision !== undefined,
    )
    if (ended.length >= limit || records.length < looked) return ended.slice(-limit)
  }
}

/** How a call would be decided, or why that cannot be told. */
function replay(hand: PolicyAtHand, stores: Stores, record: Numbered): Replayed | string {
  const { seq, at, call, caller: id, tool: name = '', targets: ids = [], decision: was = '' } = record
  const tool = hand.tools.find((candidate) => candidate.name === name)
  if (tool === undefined) return 'the tool is no longer there'
  const caller = callerOf(stores, id)
  if (caller === undefined) return 'the log does not keep what a login said of its caller'
  if (asksForGuest(hand.policy, name)) return 'rules ask which guest was meant'
  const input = record.input
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return 'the log has no arguments'
  const given = { ...input }
  if (isMasked(given) && asksForArguments(hand, tool)) return 'rules ask for an argument that the log does not keep'
  const targets = ids.map((target) => targetNamed(hand.targets, target))
  const decisions = targets.flatMap((target) => {
    const question = target && questionOf(tool, target, { caller, at: new Date(at), input: given, guest: 'none' })
    return question === undefined ? [] : [decide(hand.policy, question)]
  })
  if (targets.includes(undefined) || targets.length === 0) return 'a target is no longer there'
  if (decisions.length < targets.length) return 'it follows the call that made its handle'
  return { seq, at, call, caller: id, tool: name, targets: ids, was, now: shown(decisions) }
}

const shown = (decisions: readonly Decision[]): string =>
  [...new Set(decisions.map(({ effect, rule }) => `${effect}:${rule}`))].join(' ')

/** `allow:reads deny:nights` → `allow deny` */
const effectsIn = (decision: string): string =>
  [...new Set(decision.split(' ').map((one) => one.split(':')[0]))].toSorted().join(' ')

/** The target of a record; `home/101` is a guest of the cluster `home`. */
const targetNamed = (targets: readonly Target[], id: string): Target | undefined =>
  targets.find((target) => target.id === id) ?? targets.find((target) => target.id === id.replace(/\/\d+$/, ''))

/** Who called, as far as this machine knows: tokens by their scopes; people and clients of this machine hold all. */
function callerOf({ tokens }: Stores, id: string): Caller | undefined {
  if (/^(cli|stdio):|^http:anonymous$/.test(id)) return { id, scopes: capabilities }
  const token = tokens.list().find((one) => `token:${one.id}` === id)
  return token && { id, scopes: expandCapabilities(token.scopes) }
}

const asksForArguments = ({ policy }: PolicyAtHand, { name }: Tool): boolean =>
  rulesFor(policy, name).some(({ rule: { when, unless } }) =>
    [when, unless].some((one) => one?.arguments ?? one?.commands),
  )

/** Whether the log keeps only a mark or a digest of some argument. */
const isMasked = (value: unknown): boolean =>
  typeof value === 'string'
    ? value === '[redacted]' || /^sha256:[0-9a-f]{64} \(\d+ characters\)$/.test(value)
    : typeof value === 'object' && value !== null && Object.values(value).some(isMasked)

function inWords({ calls, same, differ, unknown }: Report): string {
  const lines = differ.map(({ at, call, caller, tool, targets, was, now }) => {
    return `${at} ${call} ${caller} ${tool} on ${targets.join(', ')}: was ${was}, would be ${now}`
  })
  const reasons = Object.entries(unknown).map(([why, count]) => `${count} cannot be told: ${why}`)
  const counted = `${calls} calls: ${same} as before, ${differ.length} would be decided otherwise`
  return `${[...lines, counted, ...reasons].map(visible).join('\n')}\n`
}

/** What could move the cursor or hide text is shown as its code. */
const visible = (text: string): string =>
  text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

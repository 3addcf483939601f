import type { Caller, Target } from '../../src/core/target.ts'
import { defaultConstraints } from '../../src/core/target.ts'
import type { Tool } from '../../src/core/tool.ts'
import { type Contacts, openContacts } from '../../src/executors/contacts.ts'
import { openGatewayTarget } from '../../src/executors/gateway.ts'
import { type Call, call, type Gateway } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { answerOfJob } from '../../src/gateway/wait-for-end.ts'
import { tools } from '../../src/tools/index.ts'
import { alice, type GatewayWorld, openGatewayWorld, type WorldOptions } from './gateway-world.ts'

/** A real gateway with the target `gateway` beside those of its world, and its own tools beside theirs. */
export interface OwnToolsWorld extends GatewayWorld {
  readonly contacts: Contacts
  /** What a query on one target answers. @throws GatewayError */
  answer(tool: string, input?: Record<string, unknown>, caller?: Caller): Promise<Record<string, unknown>>
}

export function openOwnToolsWorld(options: WorldOptions = {}): OwnToolsWorld {
  const world = openGatewayWorld(options)
  const { state, gateway: plain } = world
  const { clock, policy, jobs } = plain
  const contacts = openContacts(clock)
  const own: Target = {
    id: 'gateway',
    kind: 'gateway',
    tags: [],
    capabilities: ['fleet:read', 'gateway:read'],
    constraints: defaultConstraints,
  }
  const all = [own, ...plain.targets.all]
  const known: readonly Tool[] = [...plain.tools, ...tools.filter((tool) => tool.targets.includes('gateway'))]
  const executor = openGatewayTarget({
    targets: all,
    tools: known,
    policy,
    approvals: state.approvals,
    audit: state.audit,
    outputs: state.outputs,
    contacts,
    clock,
    job: (id, withinMs, signal) => answerOfJob(gateway, id, { withinMs, signal }),
    cancel: (id) => jobs.cancel(id),
    health: () => ({
      version: 'test',
      uptime_s: 3 * 3600 + 120,
      config: '/etc/tailops/targets.yaml',
      loaded_at: clock.now().toISOString(),
      warnings: 2,
      audit_writable: state.audit.writable(),
      audit_records: 7,
      running_changes: jobs.running,
    }),
    fleet: state.fleet,
    discover: async () => [],
  })
  const gateway: Gateway = {
    ...plain,
    tools: known,
    targets: {
      all,
      executor: (target) =>
        target.kind === 'gateway' ? executor : contacts.watched(target.id, plain.targets.executor(target)),
    },
  }
  const ask = (name: string, input: Record<string, unknown> = {}, more: Partial<Call> = {}): Promise<CallResult> => {
    const tool = known.find((candidate) => candidate.name === name)
    if (tool === undefined) throw new TypeError(`no tool ${name}`)
    return call(gateway, { tool, input, caller: alice, signal: new AbortController().signal, ...more })
  }
  return {
    ...world,
    gateway,
    contacts,
    ask,
    async answer(tool, input = {}, caller = alice) {
      const result = await ask(tool, input, { caller })
      const [first] = result.kind === 'query' ? result.answers : []
      if (first === undefined || 'error' in first) throw new TypeError(`${tool} gave no answer`)
      return first.value
    },
  }
}

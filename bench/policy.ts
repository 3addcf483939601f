import { parsePolicy } from '../src/config/load-policy.ts'
import { capabilities } from '../src/core/capability.ts'
import { decide, type Policy } from '../src/core/policy.ts'
import { questionOf } from '../src/core/policy-question.ts'
import { type Caller, defaultConstraints, type Target } from '../src/core/target.ts'
import { worksOn } from '../src/core/tool.ts'
import { tools } from '../src/tools/index.ts'
import { quantile, shown, table } from './figures.ts'

const ruleCount = 500
const hosts = 200

/** What one decision takes with 500 rules, over calls of every tool; the rules name roles, tools, targets, arguments and times. */
export function policyDecisions(quick: boolean): string {
  const rows = [false, true].map((everywhere) => {
    const times = decisionTimes(policyOf(everywhere), quick ? 20_000 : 200_000)
    const [half, p99] = [0.5, 0.99].map((share) => shown(quantile(times, share) * 1000))
    const which = everywhere
      ? `${ruleCount} rules, every one names every tool`
      : `${ruleCount} rules, most name their tools`
    return [which, half ?? '', p99 ?? '', shown(Math.max(...times) * 1000)]
  })
  return table(['', 'median µs', 'p99 µs', 'worst µs'], rows)
}

const targets: readonly Target[] = Array.from({ length: hosts }, (_, at) => ({
  id: `host-${at}`,
  kind: 'ssh',
  tags: [`rack-${at % 10}`, at % 2 === 0 ? 'web' : 'db'],
  capabilities,
  constraints: defaultConstraints,
}))

const caller: Caller = {
  id: 'oidc:ada@example.org',
  scopes: [],
  proof: { kind: 'oidc', login: 'ada@example.org', groups: ['staff', 'ops', 'oncall'], tags: [] },
}

function policyOf(everywhere: boolean): Policy {
  const names = tools.filter((tool) => worksOn(tool, 'ssh')).map(({ name }) => name)
  const rules = Array.from({ length: ruleCount }, (_, at) => {
    const effect = (['allow', 'approve', 'deny'] as const)[at % 3]
    const tool = names[at % names.length]
    return {
      id: `rule-${at}`,
      effect,
      ...(!everywhere && { tools: [tool] }),
      ...(at % 4 === 0 && { roles: ['ops'] }),
      ...(at % 5 === 0 && { risks: ['write', 'destructive'] }),
      targets: [`host-${at % hosts}`, `tag:rack-${at % 10}`, `web-${at}-*`],
      ...(at % 2 === 0 && {
        when: {
          times: [{ days: ['mon', 'fri'], from: '08:00', to: '18:00', zone: at % 4 === 0 ? 'Europe/Berlin' : 'UTC' }],
        },
      }),
    }
  })
  const roles = { ops: { who: { groups: ['ops'] }, may: [{ capabilities: ['admin'] }] } }
  const source = { file: 'policy.yaml', text: JSON.stringify({ roles, rules }), env: {}, readFile: () => '' }
  const { policy, problems } = parsePolicy(source, { tools, targets })
  if (policy === undefined) throw new TypeError(JSON.stringify(problems[0]))
  return policy
}

/** Milliseconds of each decision. */
function decisionTimes(policy: Policy, count: number): number[] {
  const fitting = tools.filter((tool) => worksOn(tool, 'ssh'))
  const times: number[] = []
  for (let at = 0; at < count; at++) {
    const [tool, target] = [fitting[at % fitting.length], targets[(at * 7) % hosts]]
    const question =
      tool && target && questionOf(tool, target, { caller, at: new Date(1_767_600_000_000 + at * 50), guest: 'none' })
    if (question === undefined) continue
    const asked = {
      ...question,
      input: { path: '/etc/nginx/nginx.conf', service: 'nginx', argv: ['systemctl', 'status'] },
    }
    const began = performance.now()
    decide(policy, asked)
    times.push(performance.now() - began)
  }
  return times
}
